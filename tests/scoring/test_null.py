"""The primary family errs no more often than it says, and finds what it promises to find.

Simulated grids: eight variants (the first is the baseline) with S seeds on the same test images.
An image has a difficulty that all runs share; a run has a quality of its own beside what runs of
one seed share; whether it gets an image right is then a matter of luck. So accuracies are multiples
of 1 / N, variants are correlated through the images, the seed and the common baseline.
"""

import numpy as np
import pytest
from scipy import stats

from clfer.scoring import comparison

ALPHA = 0.05
VARIANTS, IMAGES = 8, 400
SHARED, OWN = 0.15, 0.12


def grids(count: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
    """Accuracies [G, V, S] of variants that are all the same one."""
    difficulty = rng.normal(1.0, 1.2, (count, IMAGES)).astype(np.float32)
    shared = rng.normal(0, SHARED, (count, 1, seeds))
    quality = (shared + rng.normal(0, OWN, (count, VARIANTS, seeds))).astype(np.float32)
    accuracy = np.empty((count, VARIANTS, seeds))
    for variant in range(VARIANTS):
        for seed in range(seeds):
            # Right when difficulty + quality + a normal error is positive.
            error = rng.standard_normal((count, IMAGES), dtype=np.float32)
            right = difficulty + quality[:, variant, seed, None] + error > 0
            accuracy[:, variant, seed] = right.mean(axis=1)
    return accuracy


def p_values(differences: np.ndarray) -> np.ndarray:
    """Paired t tests along the last axis; 1 where the differences do not vary."""
    seeds = differences.shape[-1]
    std = differences.std(axis=-1, ddof=1)
    steady = std < 1e-9
    t = differences.mean(axis=-1) / (np.where(steady, 1, std) / np.sqrt(seeds))
    return np.where(steady, 1.0, 2 * stats.t.sf(np.abs(t), seeds - 1))


def three_errors(rate: float, count: int) -> float:
    """Three standard errors of a share of `count` simulated grids."""
    return 3 * np.sqrt(rate * (1 - rate) / count)


@pytest.mark.parametrize(("seeds", "count"), [(3, 2000), (5, 1500)])
def test_the_same_variant_eight_times(seeds: int, count: int) -> None:
    accuracy = grids(count, seeds, np.random.default_rng(seeds))
    differences = accuracy[:, 1:] - accuracy[:, :1]
    p = p_values(differences)
    # Holm rejects something exactly when the least p is under alpha / 7.
    wrong = (p.min(axis=1) <= ALPHA / 7).mean()
    assert wrong <= ALPHA + three_errors(ALPHA, count)
    # It is not that nothing is ever rejected: without the correction it happens far more often.
    assert (p.min(axis=1) <= ALPHA).mean() > 2 * ALPHA
    # Each interval alone holds the true difference, which is 0 on whatever images.
    half = stats.t.ppf(0.975, seeds - 1) * differences.std(axis=-1, ddof=1) / np.sqrt(seeds)
    held = (np.abs(differences.mean(axis=-1)) <= half).mean(axis=0)
    assert held.min() >= 0.95 - three_errors(0.95, count)


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_library_computes_what_was_simulated(seeds: int) -> None:
    accuracy = grids(40, seeds, np.random.default_rng(9))
    p = p_values(accuracy[:, 1:] - accuracy[:, :1])
    for grid, expected in zip(accuracy, p, strict=True):
        found = [comparison.paired_t(one, grid[0]) for one in grid[1:]]
        assert [1.0 if one is None else one for one in found] == pytest.approx(expected)
        claimed = [one is not None and one <= ALPHA for one in comparison.holm(found)]
        assert any(claimed) == (expected.min() <= ALPHA / 7)
        for one in grid[1:]:
            low, high, _ = comparison.paired_interval(one, grid[0])
            middle, wide = (one - grid[0]).mean(), (one - grid[0]).std(ddof=1)
            half = stats.t.ppf(0.975, seeds - 1) * wide / np.sqrt(seeds)
            assert (low, high) == pytest.approx((middle - half, middle + half))


@pytest.mark.parametrize("seeds", [3, 5])
def test_power_is_as_predicted(seeds: int) -> None:
    """A difference of `detectable_effect` standard deviations is found in four of five grids."""
    count = 20_000
    rng = np.random.default_rng(20 + seeds)
    # Accuracies on 3000 images of runs whose quality varies; their difference has this spread.
    rate, varies = 0.85, 0.01
    spread = np.sqrt(2 * (varies**2 + (rate * (1 - rate) - varies**2) / 3000))
    effect = comparison.detectable_effect(seeds, ALPHA) * spread
    quality = rng.normal(rate, varies, (2, count, seeds))
    a, b = rng.binomial(3000, np.clip(quality, 0, 1)) / 3000
    found = (p_values(a + effect - b) < ALPHA).mean()
    assert found == pytest.approx(0.8, abs=three_errors(0.8, count))
