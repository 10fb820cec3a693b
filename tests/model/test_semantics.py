"""Semantic groups on maps made by hand: which channels belong together, and in which order."""

import pytest
import torch

from clfer.model.feature_maps import semantic_groups

SIDE = 8
BANDS = (0, 2, 4, 6)  # first row of each of four bands


def banded(bands, side=SIDE):
    """Maps [1, C, side, side]: channel c responds along one row of band `bands[c]` of the deepest
    grid, from left to right ever less, over a little noise.
    """
    maps = torch.rand(1, len(bands), side, side) * 0.01
    step = side // SIDE
    for channel, band in enumerate(bands):
        top = BANDS[band] * step
        maps[0, channel, top : top + step] += torch.linspace(2, 1, SIDE).repeat_interleave(step)
    return maps


def draws(seed, images=1):
    return torch.rand(images, 3, 4, generator=torch.Generator().manual_seed(seed))


DEEP = [3, 0, 2, 1, 0, 3, 1, 2, 2, 1]
SHALLOW = [1, 1, 3, 0, 2, 0]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_numbered_from_the_top_whatever_kmeans_draws(seed):
    features = [banded(SHALLOW, 4 * SIDE), banded(SHALLOW[::-1], 2 * SIDE), banded(DEEP)]
    first, second, deep = semantic_groups(features, draws(seed), 8)
    assert deep.tolist() == [DEEP]
    assert first.tolist() == [SHALLOW]
    assert second.tolist() == [SHALLOW[::-1]]


def test_each_image_is_grouped_by_itself():
    pair = [torch.cat([banded(one), banded(one[::-1])]) for one in (SHALLOW, DEEP)]
    shallow, deep = semantic_groups(pair, draws(0, 2), 8)
    assert deep.tolist() == [DEEP, DEEP[::-1]]
    assert shallow.tolist() == [SHALLOW, SHALLOW[::-1]]


def test_with_fewer_kinds_than_groups_every_channel_still_has_one():
    features = [banded([1, 1, 2]), banded([1, 2, 1, 2])]
    shallow, deep = semantic_groups(features, draws(0), 8)
    assert set(deep.flatten().tolist()) <= {0, 1, 2, 3}
    upper, lower = deep[0, [0, 2]].tolist(), deep[0, [1, 3]].tolist()
    assert max(upper) < min(lower)
    assert set(shallow[0, :2].tolist()) <= set(upper)


def test_dead_channels_and_constant_maps_are_grouped_too():
    features = [torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, 5, SIDE, SIDE)]
    for groups in semantic_groups(features, draws(0, 2), 8):
        assert ((groups >= 0) & (groups < 4)).all()
