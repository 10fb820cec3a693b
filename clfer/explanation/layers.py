"""What each block of a network contributes: weights of MSR, parts of the logits, activations, and
semantic groups of channels.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.model.feature_maps import SEMANTICS, STRONGEST, semantic_groups
from clfer.model.multiscale import MultiScale
from clfer.model.network import Network
from clfer.randomness import generator

RESTARTS = 4  # of K-means, so that a figure does not depend on one start


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


def activations(features: Sequence[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B _ _"]]:
    """The mean absolute activation over the channels of each block, by position."""
    return [feature.float().abs().mean(dim=1) for feature in features]


def stretched(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map from 0 at its lowest to 1 at its highest response; a constant one is 0."""
    above = maps - maps.amin((-2, -1), keepdim=True)
    high = above.amax((-2, -1), keepdim=True)
    return above / torch.where(high == 0, 1.0, high)


def grouped(
    features: Sequence[Float[Tensor, "1 _ _ _"]], block: int, count: int
) -> tuple[Float[Tensor, "K {count} H W"], list[int]]:
    """The `count` strongest maps of each semantic group of a block (from 1) on one image, NaN where
    the group has fewer channels, and how many it has. Groups stand from the top of the face down.
    """
    draws = torch.rand(1, RESTARTS, SEMANTICS, generator=generator(0, "semantics"))
    group = semantic_groups(features, draws, STRONGEST)[block - 1][0]
    maps = features[block - 1][0]
    found = maps.new_full((SEMANTICS, count, *maps.shape[1:]), torch.nan)
    for k, channels in enumerate(strongest(maps, group, SEMANTICS, count)):
        found[k, : len(channels)] = maps[channels]
    return found, torch.bincount(group, minlength=SEMANTICS).tolist()


def strongest(
    maps: Float[Tensor, "C H W"], group: Int[Tensor, " C"], groups: int, count: int
) -> list[Int[Tensor, " _"]]:
    """For each group 0..groups-1 the `count` of its channels with the highest mean absolute
    activation, strongest first, equal ones in their order; fewer where the group has fewer.
    """
    order = maps.float().abs().mean((-2, -1)).argsort(descending=True, stable=True)
    return [order[group[order] == k][:count] for k in range(groups)]
