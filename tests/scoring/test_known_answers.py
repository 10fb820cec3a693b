"""The tests of significance give the answers that textbooks print.

Every case is also worked out here without scipy: by enumeration, exact sums or a closed form, so
that a misprint or a misremembered digit cannot pass for an answer.
"""

import math
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from clfer.scoring import comparison, counts

# Cushny and Peebles (1905) in "Student", The Probable Error of a Mean, Biometrika 6 (1908): hours
# of sleep gained by ten patients under two drugs; the data set `sleep` of R.
DEXTRO = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
LAEVO = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])

# Darwin, The Effects of Cross and Self Fertilisation (1876), as in Fisher, The Design of
# Experiments (1935), section 17: 15 pairs of maize plants, differences in eighths of an inch.
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]) / 1000

# Hollander and Wolfe, Nonparametric Statistical Methods (1973), table 3.1, the example of R's
# `wilcox.test`: depression scale of nine patients before and after a tranquilliser.
BEFORE = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
AFTER = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])


def tail_of_t(t: float, freedom: int) -> float:
    """Two-sided tail of Student's t for odd degrees of freedom, as a finite sum (Student, 1908).

    1 - 2/pi (a + sin a (cos a + 2/3 cos^3 a + ... )) with a = arctan(|t| / sqrt(freedom)).
    """
    angle = math.atan(abs(t) / math.sqrt(freedom))
    term, total = math.cos(angle), 0.0
    for place in range(1, freedom - 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (place + 1) / (place + 2)
    return 1 - 2 / math.pi * (angle + math.sin(angle) * total)


def signed_rank_p(differences: np.ndarray) -> Fraction:
    """Wilcoxon's two-sided p by trying every assignment of signs; no ties, no zeros."""
    order = np.argsort(np.abs(differences))
    ranks = np.empty(len(differences), dtype=int)
    ranks[order] = range(1, len(differences) + 1)
    centre = Fraction(int(ranks.sum()), 2)
    off = abs(int(ranks[differences > 0].sum()) - centre)
    sums = np.array(list(product((0, 1), repeat=len(ranks)))) @ ranks
    extreme = int((np.abs(2 * sums - int(2 * centre)) >= 2 * off).sum())
    return Fraction(extreme, 2 ** len(ranks))


def binomial_p(few: int, many: int) -> Fraction:
    """Two-sided p of a fair coin that falls on one side `few` times and on the other `many`."""
    total = few + many
    return Fraction(2 * sum(math.comb(total, k) for k in range(few + 1)), 2**total)


def test_student_s_sleep() -> None:
    gain = DEXTRO - LAEVO
    t = gain.mean() / (gain.std(ddof=1) / math.sqrt(10))
    assert t == pytest.approx(-4.0621, abs=5e-5)
    p = comparison.paired_t(DEXTRO, LAEVO)
    assert p == pytest.approx(tail_of_t(t, 9))
    assert p == pytest.approx(0.002833, abs=5e-7)
    low, high, _ = comparison.paired_interval(DEXTRO, LAEVO)
    assert (low, high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    # The ends are where the test just rejects at 5 %.
    for end in (low, high):
        shifted = (gain.mean() - end) / (gain.std(ddof=1) / math.sqrt(10))
        assert tail_of_t(shifted, 9) == pytest.approx(0.05)
    # As if the patients had been different ones: t = -1.8608 on 17.776 degrees, p = 0.07939.
    assert comparison.welch(DEXTRO, LAEVO) == pytest.approx(0.07939, abs=5e-6)


def test_darwins_maize() -> None:
    nothing = np.zeros(15)
    # Fisher, section 17: mean 20.933, t = 2.148 on 14 degrees, just beyond the 5 % point 2.145.
    t = MAIZE.mean() / (MAIZE.std(ddof=1) / math.sqrt(15))
    assert t == pytest.approx(2.148, abs=5e-4)
    assert comparison.paired_t(MAIZE, nothing) == pytest.approx(0.0497, abs=5e-5)
    p = signed_rank_p(MAIZE)
    assert comparison.wilcoxon(MAIZE, nothing) == pytest.approx(float(p))
    # Ranks of the two losses: 14 and 10, so W = 24, as tables print with p = 0.041.
    assert float(p) == pytest.approx(0.0413, abs=5e-5)


def test_hollander_and_wolfes_depression_scale() -> None:
    p = signed_rank_p(BEFORE - AFTER)
    # One-sided 0.01953 in the book, 10 of 512 assignments.
    assert p == Fraction(20, 512)
    assert comparison.wilcoxon(BEFORE, AFTER) == pytest.approx(float(p))


def test_wilcoxon_stays_exact_when_differences_tie() -> None:
    """Accuracies are multiples of 1 / N, so they do: mean ranks, and every sign tried."""
    differences = np.array([1, 1, 2, 3, -1, 2, 0])
    ranks = np.array([2, 2, 4.5, 6, 2, 4.5])
    sums = np.array(list(product((0, 1), repeat=6))) @ ranks
    centre, found = ranks.sum() / 2, ranks.sum() - 2
    expected = (np.abs(sums - centre) >= abs(found - centre)).mean()
    a = 0.8 + differences / 500
    assert comparison.wilcoxon(a, np.full(7, 0.8)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("only_a", "only_b", "printed"),
    [
        # Fay, Exact McNemar's Test and Matching Confidence Intervals, vignette of R's exact2x2.
        (9, 2, 0.06543),
        # Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013), table 1:
        # airway hyper-responsiveness before and after transplantation, 1 and 7 discordant pairs.
        (1, 7, 0.0703),
        # The example of Wikipedia's "McNemar's test", 6 and 16 discordant pairs.
        (6, 16, 0.053),
    ],
)
def test_mcnemar(only_a: int, only_b: int, printed: float) -> None:
    alike = [True] * 21 + [False] * 12
    a = np.array([True] * only_a + [False] * only_b + alike)
    b = np.array([False] * only_a + [True] * only_b + alike)
    found = comparison.mcnemar(a, b)
    assert found[:2] == (only_a, only_b)
    assert found.p == pytest.approx(float(binomial_p(min(only_a, only_b), max(only_a, only_b))))
    assert found.p == pytest.approx(printed, abs=10 ** -len(str(printed)[2:]))


def test_holm_on_fifteen_end_points() -> None:
    """Benjamini and Hochberg, J. R. Statist. Soc. B 57 (1995), section 4: fifteen end points of a
    trial of thrombolysis, of which procedures that control the family-wise error reject three.
    """
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    adjusted = comparison.holm(p)
    assert sum(value <= 0.05 for value in adjusted) == 3
    by_hand = [15 * 0.0001, 14 * 0.0004, 13 * 0.0019, 12 * 0.0095]
    assert adjusted[:4] == pytest.approx(by_hand)
    # The definition: the least level at which the step-down procedure still rejects.
    for place, value in enumerate(adjusted):
        assert rejected(p, value + 1e-9)[place] or value == 1
        assert not rejected(p, value - 1e-9)[place]


def rejected(p: list[float], level: float) -> list[bool]:
    """Holm's procedure at one level, step by step (Holm, Scand. J. Statist. 6, 1979)."""
    found = [False] * len(p)
    for step, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        if p[place] > level / (len(p) - step):
            break
        found[place] = True
    return found


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval(right: int, total: int, low: float, high: float) -> None:
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    found = counts.wilson(right, total)
    assert found == pytest.approx((low, high), abs=5e-5)
    # The ends are the shares that lie 1.96 of their own standard errors away.
    for end in found:
        away = 1.959963984540054**2 * end * (1 - end) / total
        assert (right / total - end) ** 2 == pytest.approx(away, abs=1e-12)
