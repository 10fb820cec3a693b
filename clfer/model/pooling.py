"""Bringing a block's maps onto the grid of the deepest block (AP in Fig. 2)."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def pool(
    features: Float[Tensor, "B C _ _"], deepest: Float[Tensor, "B _ H W"]
) -> Float[Tensor, "B C H W"]:
    """A block's maps averaged onto the deepest block's grid, in float32 or better: made once for
    both losses, since a global average is the average of these.
    """
    height, width = deepest.shape[-2:]
    dtype = torch.promote_types(features.dtype, torch.float32)
    if features.shape[-2:] == (height, width):  # the deepest block itself
        return features.to(dtype)
    return F.adaptive_avg_pool2d(features, (height, width)).to(dtype)
