"""docs/results/pooled.py against scipy's tests of one and of two samples."""

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs/results/pooled.py"))
MARGIN = 0.01


def drawn(seed, count):
    return np.random.default_rng(seed).normal(-0.005, 0.01, count).tolist()


@pytest.mark.parametrize("count", [2, 3, 10])
def test_one_page_is_a_paired_t_test(count):
    values = drawn(count, count)
    mean, ci95, p, equal = SCRIPT["pooled"]([values], MARGIN)
    test = stats.ttest_1samp(values, 0)
    assert (mean, p) == pytest.approx((np.mean(values), test.pvalue))
    assert ci95 == pytest.approx(test.confidence_interval())
    below = stats.ttest_1samp(values, MARGIN, alternative="less").pvalue
    above = stats.ttest_1samp(values, -MARGIN, alternative="greater").pvalue
    assert equal == pytest.approx(max(below, above))


def test_two_pages_are_welchs_test_of_one_against_the_other_negated():
    a, b = drawn(0, 4), drawn(1, 3)
    mean, ci95, p, _ = SCRIPT["pooled"]([a, b], MARGIN)
    test = stats.ttest_ind(a, -np.array(b), equal_var=False)
    assert (2 * mean, p) == pytest.approx((np.mean(a) + np.mean(b), test.pvalue))
    assert [2 * one for one in ci95] == pytest.approx(test.confidence_interval())
