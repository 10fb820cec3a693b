"""Statistics over seeds, against formulas, scipy, textbook values and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from clfer.scoring import comparison

A = np.array([0.88, 0.90, 0.89, 0.87, 0.91])
B = np.array([0.86, 0.87, 0.88, 0.86, 0.88])


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=3, max_size=8))
def test_order_of_seeds_and_of_variants_does_not_matter(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(column) / 100 for column in zip(*pairs, strict=True))
    p = comparison.paired_t(a, b)
    assert (p is None) == (len({x - y for x, y in pairs}) == 1)
    if p is not None:
        assert comparison.paired_t(b, a) == pytest.approx(p)
        assert comparison.paired_t(a[::-1].copy(), b[::-1].copy()) == pytest.approx(p)
        # The interval holds 0 exactly when the test does not reject.
        low, high, _ = comparison.paired_interval(a, b)
        if abs(p - 0.05) > 1e-9:
            assert (low < 0 < high) == (p > 0.05)


def test_equal_differences_give_no_p_though_binary_makes_them_unequal() -> None:
    a, b = np.array([0.8, 0.9, 0.7]), np.array([0.7, 0.8, 0.6])
    assert 0 < (a - b).std(ddof=1) < 1e-15  # the trap: scipy reports p = 0 here
    for statistic in (
        comparison.paired_t,
        comparison.welch,
        comparison.effect_size,
        comparison.wilcoxon,
        comparison.paired_interval,
    ):
        assert statistic(a, b) is None
    assert comparison.smallest_detectable(a, b, 0.05) is None
    assert comparison.mean_std(np.full(3, 0.7))[1] == 0


def test_fewer_than_three_seeds_have_no_p_and_one_no_interval_of_its_own() -> None:
    assert comparison.mean_std(A[:1]) == (0.88, None)
    assert comparison.paired_t(A[:2], B[:2]) is comparison.welch(A[:2], B[:2]) is None
    assert comparison.smallest_detectable(A[:2], B[:2], 0.05) is None
    assert comparison.paired_interval(A[:2], B[:2]) is not None
    assert comparison.paired_interval(A[:1], B[:1]) is None
    low, high, covers = comparison.interval(A[:1], 0.01**2, 1_000_001)
    assert covers == "images"
    assert high - low == pytest.approx(2 * 1.96 * 0.01, rel=1e-4)


def test_interval_over_seeds_and_images_by_hand() -> None:
    values = np.array([0.80, 0.82, 0.84])  # s = 0.02
    u, v = 0.02**2 / 3, 0.03**2
    df = (u + v) ** 2 / (u**2 / 2 + v**2 / 999)
    half = stats.t.ppf(0.975, df) * math.sqrt(u + v)
    low, high, covers = comparison.interval(values, v, 1000)
    assert covers == "seeds and images"
    assert (low, high) == pytest.approx((0.82 - half, 0.82 + half))
    # Images that hardly vary must not make the interval narrower than the seeds alone.
    seeds = 4.30265273 * 0.02 / math.sqrt(3)
    low, high, _ = comparison.interval(values, 1e-6, 1000)
    assert high - 0.82 == pytest.approx(seeds)
    assert comparison.interval(np.array([0.7, 0.7]), None, 0) is None
    assert comparison.interval(np.array([1.0]), 0.0, 10) is None


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_interval_holds_the_truth_in_95_percent_of_studies(seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    studies, images, hits = 800, 200, 0
    for _ in range(studies):
        shifts = rng.normal(scale=0.02, size=(seeds, 1))
        table = shifts + rng.normal(scale=0.3, size=images) + rng.normal(size=(seeds, images)) / 5
        variance = table.mean(axis=0).var(ddof=1) / images
        low, high, _ = comparison.interval(table.mean(axis=1), variance, images)
        hits += low <= 0 <= high
    # Three standard errors of 800 studies are 2.3 points.
    assert hits / studies > 0.927


def test_detectable_effect_gives_80_percent_power() -> None:
    assert comparison.detectable_effect(3, 0.05) == pytest.approx(3.26, abs=0.01)
    assert comparison.detectable_effect(5, 0.05) == pytest.approx(1.68, abs=0.01)
    # Textbook: 10 pairs need an effect of 1.0.
    assert comparison.detectable_effect(10, 0.05) == pytest.approx(0.996, abs=0.001)
    assert comparison.smallest_detectable(A, B, 0.05) == pytest.approx(0.0168, abs=1e-4)


def test_two_are_equal_where_the_90_percent_interval_lies_within_the_margin() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = rng.normal(0, 0.01, (2, 4))
        low, high = stats.ttest_1samp(a - b, 0).confidence_interval(0.9)
        p = comparison.equivalence(a, b, 0.012)
        assert (p < 0.05) == (max(-low, high) < 0.012)
        assert comparison.equivalence(b, a, 0.012) == pytest.approx(p)
    assert comparison.equivalence(A[:2], B[:2], 0.1) is None


def test_a_difference_as_large_as_the_margin_is_taken_for_equal_in_one_of_twenty() -> None:
    rng = np.random.default_rng(1)
    studies = 0.01 + rng.normal(0, 0.003, (2000, 5))
    taken = sum(comparison.equivalence(one, 0 * one, 0.01) < 0.05 for one in studies)
    assert taken / 2000 == pytest.approx(0.05, abs=0.015)  # three standard errors


def test_holm_by_hand() -> None:
    # 0.01 x 4, 0.02 x 3, 0.03 x 2 is not under the one before, 0.04 x 1 neither.
    assert comparison.holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert comparison.holm([0.01, None, 0.04]) == pytest.approx([0.03, None, 0.08])
    assert comparison.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.randoms())
def test_holm_follows_the_order_given_and_lies_between_raw_and_bonferroni(p, random) -> None:
    adjusted = comparison.holm(p)
    for raw, value in zip(p, adjusted, strict=True):
        assert raw <= value <= min(1, len(p) * max(p))
    order = random.sample(range(len(p)), len(p))
    assert comparison.holm([p[place] for place in order]) == [adjusted[place] for place in order]


def test_wilcoxon_needs_six_seeds() -> None:
    a = np.array([0.81, 0.83, 0.82, 0.85, 0.84, 0.86])
    b = np.array([0.80, 0.81, 0.79, 0.81, 0.79, 0.80])
    assert comparison.wilcoxon(a[:5], b[:5]) is None
    assert comparison.wilcoxon(a, b) == pytest.approx(2 / 2**6)


def test_wilcoxon_gives_one_rank_to_differences_that_rounding_alone_makes_unequal() -> None:
    points = np.array([1, 1, 1, -1, 2, 3, -2])
    b = np.array([0.11, 0.24, 0.75, 0.61, 0.83, 0.5, 0.58])
    a = np.round(b + points / 100, 2)
    assert len(set(np.abs(a - b)[:4])) > 1  # the trap
    assert comparison.wilcoxon(a, b) == pytest.approx(stats.wilcoxon(points).pvalue)
