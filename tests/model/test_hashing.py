"""Hash coding (eq. 1) against a plain search for the strongest responses."""

import numpy as np
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clfer.model.hashing import hard_code, soft_code


def random_maps(seed, *shape, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def spread_maps(seed, *shape):
    """Maps of the responses 0, 1, 2, ... in random places: no two are near each other."""
    random = torch.Generator().manual_seed(seed)
    *maps, height, width = shape
    places = torch.rand(*maps, height * width, generator=random).argsort(-1)
    return places.double().view(shape)


@given(st.integers(0, 2**31), st.integers(3, 7), st.integers(3, 7), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_hard_code_is_the_strongest_positions(seed, height, width, strongest):
    maps = random_maps(seed, 2, 3, height, width, dtype=torch.float32)
    expected = references.hard_code(maps.double().numpy(), strongest)
    np.testing.assert_array_equal(hard_code(maps, strongest), expected)


@given(st.integers(0, 2**31), st.integers(2, 5), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
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
@settings(max_examples=60, deadline=None)
def test_soft_code_is_the_mean_position_under_successive_softmaxes(
    seed, height, width, strongest, temperature
):
    maps = random_maps(seed, 2, 3, height, width)
    expected = references.soft_code(maps.numpy(), strongest, temperature)
    np.testing.assert_allclose(soft_code(maps, strongest, temperature), expected, atol=1e-9)
    single = soft_code(maps.float(), strongest, temperature)
    np.testing.assert_allclose(single, expected, atol=1e-3)


@given(st.integers(0, 2**31), st.integers(4, 7), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
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
    maps = random_maps(0, 2, 3, 4, 4).bfloat16()
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
