"""The channels that stand for the semantic groups of a block (Fig. 10)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.model.semantics import SEMANTICS, STRONGEST, semantic_groups
from clfer.randomness import generator

RESTARTS = 4  # of K-means: a figure shall not hang on one start


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
