"""How much each block has to say: the weights of MSR, and what follows from them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from clfer.model.multiscale import MultiScale
from clfer.model.network import Network


@torch.no_grad()
def weights(
    network: Network, features: Sequence[Float[Tensor, "B _ _ _"]]
) -> Float[Tensor, "B L"] | None:
    """mu_j of eq. 8 in (0, 1) for each block, which need not sum to 1; None without MSR."""
    representation = network.representation
    if not isinstance(representation, MultiScale):
        return None
    return representation.weigh(representation.reshape(features)).squeeze(2)


@torch.no_grad()
def shares(
    network: Network, features: Sequence[Float[Tensor, "B _ _ _"]]
) -> Float[Tensor, "B L C"] | None:
    """What each block adds to the logit of each class, less its mean over the classes, of which the
    probabilities do not depend; None without MSR.

    A large mu_j says little where f'_j points nowhere. Since F is the sum of mu_j f'_j (eq. 9) and
    the classifier is linear, its logits are exactly these parts and its bias, added.
    """
    representation = network.representation
    if not isinstance(representation, MultiScale):
        return None
    reshaped = representation.reshape(features)
    weighed = representation.weigh(reshaped) * reshaped  # [B, L, fd]
    parts: Tensor = weighed @ network.classifier.weight.T
    # of the Self-Cure Network, which scales all logits of an image
    parts = parts * network.importance(weighed.sum(dim=1))[:, None, None]
    return parts - parts.mean(dim=2, keepdim=True)
