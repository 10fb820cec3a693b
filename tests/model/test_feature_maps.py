"""CLFM (eq. 1-6) against loops from maps to loss; semantic groups on maps made by hand."""

import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import CHANNELS, draws, random_maps
from variants import CLFM_SETTINGS

from clfer.errors import InputError
from clfer.model.feature_maps import FeatureMapContrast, semantic_groups


def module(**changes):
    """In double precision."""
    small = {"alpha": (0.3, 0.0, 0.7), "k": 3, "fd": 6, "temperature": 0.5} | changes
    return FeatureMapContrast(CHANNELS, CLFM_SETTINGS.model_copy(update=small)).double()


@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 3),
    restarts=st.integers(1, 2),
    k=st.integers(2, 5),
    alpha=st.sampled_from([(0.3, 0.0, 0.7), (0.0, 0.2, 0.0), (0.1, 0.2, 0.3)]),
    detach=st.booleans(),
    agreement=st.sampled_from(["means", "channels"]),
)
@settings(max_examples=80, deadline=None)
def test_the_loss_is_equations_1_to_6(seed, images, restarts, k, alpha, detach, agreement):
    """Or, with `agreement: channels`, of each channel by itself."""
    torch.manual_seed(seed)
    clfm = module(k=k, alpha=alpha, detach_deep=detach, agreement=agreement)
    maps, uniform = random_maps(seed, images, range(4)), draws(seed, images, restarts, k)
    convolutions = {int(j): references.layer(c) for j, c in clfm.convolutions.items()}
    expected = references.feature_map_loss(
        references.arrays(maps), convolutions, clfm.settings, uniform.numpy()
    )
    assert float(clfm(maps, uniform).detach()) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("value", [0.0, 7.0])
@pytest.mark.parametrize("which", [(0,), (3,), (0, 2, 3)])
@pytest.mark.parametrize("kind", ["soft", "hard"])
@pytest.mark.parametrize("agreement", ["means", "channels"])
def test_constant_maps_give_a_finite_loss_and_gradient(value, which, kind, agreement):
    clfm, maps = module(hash=kind, agreement=agreement), random_maps(0, 2)
    for j in which:
        maps[j] = torch.full_like(maps[j], value)
    for m in maps.values():
        m.requires_grad_()
    loss = clfm(maps, draws(0, 2, 2, 3))
    assert loss.isfinite()
    assert abs(float(loss.detach())) <= 1 + 1e-9
    assert loss.requires_grad == (kind == "soft")
    if kind == "soft":
        loss.backward()
        assert all(v.grad.isfinite().all() for v in (*maps.values(), *clfm.parameters()))


def test_more_clusters_than_channels_leave_the_loss_finite():
    clfm = module(k=15)
    loss = clfm(random_maps(0, 2), draws(0, 2, 1, 15))
    loss.backward()
    assert -1 <= float(loss.detach()) < 0
    assert all(p.grad.isfinite().all() for p in clfm.parameters())


def test_maps_too_small_for_the_code_are_refused():
    clfm = module(fd=24)
    with pytest.raises(InputError, match=r"clfm.fd: the deepest map has 12 .* under 24; found 24"):
        clfm(random_maps(0, 1), draws(0, 1, 1, 3))


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


DEEP = [3, 0, 2, 1, 0, 3, 1, 2, 2, 1]
SHALLOW = [1, 1, 3, 0, 2, 0]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_numbered_from_the_top_whatever_kmeans_draws(seed):
    features = [banded(SHALLOW, 4 * SIDE), banded(SHALLOW[::-1], 2 * SIDE), banded(DEEP)]
    first, second, deep = semantic_groups(features, draws(seed, 1, 3, 4), 8)
    assert deep.tolist() == [DEEP]
    assert first.tolist() == [SHALLOW]
    assert second.tolist() == [SHALLOW[::-1]]


def test_each_image_is_grouped_by_itself():
    pair = [torch.cat([banded(one), banded(one[::-1])]) for one in (SHALLOW, DEEP)]
    shallow, deep = semantic_groups(pair, draws(0, 2, 3, 4), 8)
    assert deep.tolist() == [DEEP, DEEP[::-1]]
    assert shallow.tolist() == [SHALLOW, SHALLOW[::-1]]


def test_a_group_without_channels_has_the_last_number():
    features = [banded([0, 3, 1], 2 * SIDE), banded([3, 1, 0, 1, 3, 0])]
    shallow, deep = semantic_groups(features, draws(0, 1, 3, 4), 8)
    assert deep.tolist() == [[2, 1, 0, 1, 2, 0]]
    assert shallow.tolist() == [[0, 2, 1]]


def test_dead_channels_and_constant_maps_are_grouped_too():
    features = [torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, 5, SIDE, SIDE)]
    for groups in semantic_groups(features, draws(0, 2, 3, 4), 8):
        assert ((groups >= 0) & (groups < 4)).all()
