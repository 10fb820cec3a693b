"""Hash coding (eq. 1) against a plain search for the strongest responses."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clfer.model.hashing import hard_code, soft_code


def slow_hard_code(maps, strongest):
    """(row, column) from the map's centre of its strongest responses, found one by one."""
    images, channels, height, width = maps.shape
    code = np.zeros((images, channels, 2 * strongest))
    for b in range(images):
        for c in range(channels):
            left = {(y, x): maps[b, c, y, x] for y in range(height) for x in range(width)}
            for n in range(strongest):
                y, x = max(left, key=lambda place: (left[place], -place[0] * width - place[1]))
                code[b, c, 2 * n : 2 * n + 2] = y - (height - 1) / 2, x - (width - 1) / 2
                del left[y, x]
    return code


def slow_soft_code(maps, strongest, temperature):
    """The n-th pair: the mean position under a softmax over all but the n-1 strongest positions."""
    images, channels, height, width = maps.shape
    code = np.zeros((images, channels, 2 * strongest))
    for b in range(images):
        for c in range(channels):
            flat = maps[b, c].reshape(-1)
            flat = (flat - flat.mean()) / np.sqrt(flat.var() + 1e-5) / temperature
            places = [
                (y - (height - 1) / 2, x - (width - 1) / 2)
                for y in range(height)
                for x in range(width)
            ]
            left = list(range(height * width))
            for n in range(strongest):
                weight = np.exp(flat[left] - flat[left].max())
                weight /= weight.sum()
                code[b, c, 2 * n] = sum(w * places[i][0] for w, i in zip(weight, left, strict=True))
                code[b, c, 2 * n + 1] = sum(
                    w * places[i][1] for w, i in zip(weight, left, strict=True)
                )
                left.remove(max(left, key=lambda i: flat[i]))
    return code


@given(st.integers(0, 2**31), st.integers(3, 7), st.integers(3, 7), st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_hard_code_is_the_strongest_positions(seed, height, width, strongest):
    maps = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    np.testing.assert_allclose(hard_code(maps, strongest), slow_hard_code(maps.numpy(), strongest))


def test_hard_code_takes_ties_in_reading_order():
    code = hard_code(torch.zeros(1, 1, 3, 3), 4)
    assert code.flatten().tolist() == [-1, -1, -1, 0, -1, 1, 0, -1]


@given(st.integers(0, 2**31), st.integers(3, 6), st.sampled_from([0.03, 0.1, 1.0]))
@settings(max_examples=25, deadline=None)
def test_soft_code_is_the_mean_position_under_successive_softmaxes(seed, side, temperature):
    maps = torch.randn(2, 3, side, side + 1, generator=torch.Generator().manual_seed(seed))
    expected = slow_soft_code(maps.double().numpy(), 8, temperature)
    np.testing.assert_allclose(soft_code(maps, 8, temperature), expected, atol=2e-4)


def test_soft_code_becomes_the_hard_code_as_the_temperature_falls():
    spread = torch.stack([torch.randperm(49) for _ in range(6)]).float().view(2, 3, 7, 7)
    distances = [
        float((soft_code(spread, 8, t) - hard_code(spread, 8)).abs().max())
        for t in (1.0, 0.1, 0.001)
    ]
    assert distances[0] > distances[1] > distances[2]
    assert distances[2] < 1e-4


def test_soft_code_passes_the_gradient_that_finite_differences_see():
    # responses far enough apart that the nudge changes no rank: at a tie the code jumps
    maps = torch.stack([torch.randperm(16) for _ in range(2)]).float().view(1, 2, 4, 4)
    maps.requires_grad_()
    direction, nudge = torch.randn(1, 2, 16), 0.02 * torch.randn(1, 2, 4, 4)
    (soft_code(maps, 8, 0.5) * direction).sum().backward()
    with torch.no_grad():
        rise = soft_code(maps + nudge, 8, 0.5) - soft_code(maps - nudge, 8, 0.5)
    expected = float((rise * direction).sum())
    assert abs(expected) > 1e-3
    assert float((maps.grad * nudge).sum() * 2) == pytest.approx(expected, rel=0.02)


def test_hard_code_has_no_gradient():
    assert not hard_code(torch.randn(1, 2, 4, 4, requires_grad=True), 8).requires_grad


def test_codes_are_finite_on_constant_and_huge_maps():
    maps = torch.stack([torch.zeros(4, 4), torch.full((4, 4), 7.0), 1e6 * torch.randn(4, 4)])[None]
    maps.requires_grad_()
    code = soft_code(maps, 8, 0.1)
    code.square().sum().backward()
    assert code.isfinite().all()
    assert maps.grad.isfinite().all()


def test_random_codes_are_uncorrelated():
    codes = torch.nn.functional.normalize(hard_code(torch.randn(1, 2000, 7, 7), 8)[0], dim=1)
    assert abs(float((codes @ codes.T).mean())) < 0.02
