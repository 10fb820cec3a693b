"""Where the blocks of a network respond (Fig. 7, 10, 11)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def maps(features: Sequence[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B _ _"]]:
    """The mean absolute activation over the channels of each block, by position."""
    return [feature.float().abs().mean(dim=1) for feature in features]


def enlarged(maps: Float[Tensor, "*batch H W"], side: int) -> Float[Tensor, "*batch {side} {side}"]:
    """Maps brought to side x side pixels bilinearly; a corner pixel stays within its corner cell,
    so that they lie exactly over the image that they are of.
    """
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    large = F.interpolate(flat, size=(side, side), mode="bilinear", align_corners=False)
    return large.reshape(*maps.shape[:-2], side, side)


def stretched(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map from 0 at its lowest to 1 at its highest response; a constant one is 0."""
    above = maps - maps.amin((-2, -1), keepdim=True)
    high = above.amax((-2, -1), keepdim=True)
    return above / torch.where(high == 0, 1.0, high)
