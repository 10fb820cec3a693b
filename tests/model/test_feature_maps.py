"""Hash coding (eq. 1) against a plain search for the strongest responses, CLFM (eq. 1-6) against
loops from maps to loss, semantic groups on maps made by hand.
"""

import numpy as np
import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import CHANNELS, draws, random_maps
from variants import CLFM_SETTINGS

from clfer.errors import InputError
from clfer.model.feature_maps import FeatureMapContrast, hard_code, semantic_groups, soft_code


def normal_maps(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def spread_maps(seed, *shape):
    """Maps of the responses 0, 1, 2, ... in random places: no two are near each other."""
    random = torch.Generator().manual_seed(seed)
    *maps, height, width = shape
    places = torch.rand(*maps, height * width, generator=random).argsort(-1)
    return places.double().view(shape)


@given(st.integers(0, 2**31), st.integers(3, 7), st.integers(3, 7), st.integers(1, 8))
@settings(max_examples=60)
def test_hard_code_is_the_strongest_positions(seed, height, width, strongest):
    maps = normal_maps(seed, 2, 3, height, width, dtype=torch.float32)
    expected = references.hard_code(maps.double().numpy(), strongest)
    np.testing.assert_array_equal(hard_code(maps, strongest), expected)


@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(2, 4))
@settings(max_examples=60)
def test_hard_code_takes_ties_in_reading_order(seed, side, levels):
    random = torch.Generator().manual_seed(seed)
    maps = torch.randint(0, levels, (2, 3, side, side), generator=random).float()
    expected = references.hard_code(maps.double().numpy(), side)
    np.testing.assert_array_equal(hard_code(maps, side), expected)


@given(
    st.integers(0, 2**31),
    st.integers(3, 6),
    st.integers(3, 6),
    st.integers(1, 8),
    st.sampled_from([0.03, 0.1, 1.0]),
)
@settings(max_examples=60)
def test_soft_code_is_the_mean_position_under_successive_softmaxes(
    seed, height, width, strongest, temperature
):
    maps = normal_maps(seed, 2, 3, height, width)
    expected = references.soft_code(maps.numpy(), strongest, temperature)
    np.testing.assert_allclose(soft_code(maps, strongest, temperature), expected, atol=1e-9)
    single = soft_code(maps.float(), strongest, temperature)
    np.testing.assert_allclose(single, expected, atol=1e-3)


@given(st.integers(0, 2**31), st.integers(4, 7), st.integers(1, 8))
@settings(max_examples=40)
def test_soft_code_becomes_the_hard_code_as_the_temperature_falls(seed, side, strongest):
    maps = spread_maps(seed, 2, 3, side, side)
    hard = hard_code(maps, strongest)
    distances = [
        float((soft_code(maps, strongest, t) - hard).abs().max()) for t in (1.0, 0.1, 0.01, 0.001)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 0.1
    assert distances[-1] < 1e-12


def test_rounded_maps_are_coded_in_single_precision():
    maps = normal_maps(0, 2, 3, 4, 4).bfloat16()
    for code in (hard_code(maps, 8), soft_code(maps, 8, 0.1)):
        assert code.dtype == torch.float32
    assert torch.equal(soft_code(maps, 8, 0.1), soft_code(maps.float(), 8, 0.1))


def test_codes_are_finite_on_constant_and_huge_maps():
    maps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 7.0), 1e6 * torch.randn(4, 4)])[None]
    maps.requires_grad_()
    code = soft_code(maps, 8, 0.1)
    code.square().sum().backward()
    assert code.isfinite().all()
    assert maps.grad.isfinite().all()


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
@settings(max_examples=80)
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
def test_groups_are_numbered_from_the_top_in_each_image_whatever_kmeans_draws(seed):
    sides = {4 * SIDE: SHALLOW, 2 * SIDE: SHALLOW[::-1], SIDE: DEEP}
    pairs = [torch.cat([banded(one, side), banded(one[::-1], side)]) for side, one in sides.items()]
    groups = semantic_groups(pairs, draws(seed, 2, 3, 4), 8)
    assert [found.tolist() for found in groups] == [[one, one[::-1]] for one in sides.values()]


def test_a_group_without_channels_has_the_last_number():
    features = [banded([0, 3, 1], 2 * SIDE), banded([3, 1, 0, 1, 3, 0])]
    shallow, deep = semantic_groups(features, draws(0, 1, 3, 4), 8)
    assert deep.tolist() == [[2, 1, 0, 1, 2, 0]]
    assert shallow.tolist() == [[0, 2, 1]]


def test_dead_channels_and_constant_maps_are_grouped_too():
    features = [torch.zeros(2, 3, SIDE, SIDE), torch.zeros(2, 5, SIDE, SIDE)]
    for groups in semantic_groups(features, draws(0, 2, 3, 4), 8):
        assert ((groups >= 0) & (groups < 4)).all()
