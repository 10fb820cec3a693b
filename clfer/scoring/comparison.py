"""Statistics of accuracies over seeds: spread, intervals, paired tests and what they can see.

Notation: S seeds; `a`, `b` [S] are the accuracies of two variants on the same test images, entry by
entry from the same seed, as fractions. Runs of equal seed share initialisation, order and
augmentation, so they are truly paired.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize, stats

CONFIDENCE = 0.95
POWER = 0.8
# Below three seeds the paired t test has one degree of freedom or none, and one odd run decides it.
SEEDS_FOR_A_TEST = 3
# With five pairs Wilcoxon's smallest two-sided p is 0.0625: it could never reject at 0.05.
SEEDS_FOR_WILCOXON = 6
# Accuracies are multiples of 1 / N. A spread under this is rounding: 0.9 - 0.8 is not 0.8 - 0.7 in
# binary, and the t test would report p = 1e-30 for it.
NO_SPREAD = 1e-9

# How ours was compared with a published accuracy.
WELCH, DESCRIPTIVE = "Welch", "descriptive"

Seeds = Float[np.ndarray, " S"]


class Interval(NamedTuple):
    """A 95 % interval and the sources of chance that it covers: seeds, images, or both."""

    low: float
    high: float
    covers: str

    @property
    def ends(self) -> list[float]:
        """As JSON has them."""
        return [self.low, self.high]

    @property
    def clipped(self) -> list[float]:
        """The ends of an interval of a share."""
        return [max(0.0, self.low), min(1.0, self.high)]


class McNemar(NamedTuple):
    """Images that only one of two models gets right, and the exact two-sided p."""

    only_a_right: int
    only_b_right: int
    p: float


def mean_std(values: Seeds) -> tuple[float, float | None]:
    """Mean and sample standard deviation (S - 1) over seeds; None instead of it with one seed."""
    return float(values.mean()), spread(values) if len(values) > 1 else None


def spread(values: Seeds) -> float:
    """Sample standard deviation of two values or more; 0 where they differ by rounding alone."""
    std = float(values.std(ddof=1))
    return std if std > NO_SPREAD else 0.0


def seeds_part(values: Seeds) -> tuple[float, int] | None:
    """Variance of the mean over seeds, and its degrees of freedom; None with one seed."""
    _, std = mean_std(values)
    return None if std is None else (std**2 / len(values), len(values) - 1)


def quantile(freedom: float) -> float:
    """Student's t quantile of a two-sided 95 % interval."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


def interval(values: Seeds, image_variance: float | None, groups: int) -> Interval | None:
    """95 % interval of the mean over seeds, for other seeds and other test images.

    Variance u + v = s_seed^2 / S + s_image^2 / n. `image_variance` is v: of the score averaged over
    the seeds, over draws of `groups` duplicate groups (clfer.scoring.counts); None leaves it out.
    The quantile is Student's t with Welch's and Satterthwaite's degrees of freedom,
    (u + v)^2 / (u^2 / (S - 1) + v^2 / (groups - 1)), because with three seeds u is itself poorly
    known and a normal quantile would be too narrow; and never narrower than the interval of the
    seeds alone, t(S - 1) sqrt(u). Without that floor it held the truth in only 89-93 % of simulated
    studies of two or three seeds whose seeds vary most; with it, in 95 to 98 % of all. With one
    seed only images are covered. None when no part is known or nothing varies: that is no evidence
    of certainty.
    """
    mean, seeds = float(values.mean()), seeds_part(values)
    images = None if image_variance is None else (image_variance, groups - 1)
    known = {name: part for name, part in (("seeds", seeds), ("images", images)) if part}
    if sum(part for part, _ in known.values()) <= NO_SPREAD**2:
        return None
    half = half_width(seeds, [images] if images else [])
    return Interval(mean - half, mean + half, " and ".join(known))


def half_width(seeds: tuple[float, int] | None, others: Sequence[tuple[float, int]]) -> float:
    """Half of a 95 % interval around a sum of independent parts, each (variance, degrees).

    `seeds` is the part of few degrees; the interval is never narrower than with it alone.
    """
    parts = [*([seeds] if seeds else []), *others]
    total = math.fsum(part for part, _ in parts)
    freedom = total**2 / math.fsum(part**2 / degrees for part, degrees in parts)
    half = quantile(freedom) * math.sqrt(total)
    return max(half, quantile(float(seeds[1])) * math.sqrt(seeds[0])) if seeds else half


class Published(NamedTuple):
    """Ours minus a published accuracy, its 95 % interval and for which chances, and p if tested."""

    difference: float
    ci95: list[float]
    p: float | None
    test: str
    covers: str


def against_seeds(values: Seeds, mean: float, std: float, seeds: int) -> Published:
    """Welch's t test of our seeds, two or more, against others' by their mean and std."""
    ours, count = float(values.mean()), len(values)
    test = stats.ttest_ind_from_stats(ours, spread(values), count, mean, std, seeds, False)
    parts = [(spread(values) ** 2 / count, count - 1), (std**2 / seeds, seeds - 1)]
    difference, half = ours - mean, half_width(None, parts)
    ends = [difference - half, difference + half]
    return Published(difference, ends, float(test.pvalue), WELCH, "seeds")


def against_one_run(values: Seeds, images: int, accuracy: float, their_images: int) -> Published:
    """The difference to one published run with SE^2 = s^2/S + p(1-p)/n + p0(1-p0)/n0.

    Student's quantile as in `interval`. Both test sets are taken as separate draws of images; where
    they are the same one, the interval is wider than it need be. Nothing is known of the other's
    seeds, so that its spread is left out; with one seed of ours, ours is too.
    """
    mean, seeds = float(values.mean()), seeds_part(values)
    draws = [(mean, images), (accuracy, their_images)]
    parts = [(rate * (1 - rate) / total, max(total - 1, 1)) for rate, total in draws]
    half = half_width(seeds, parts)
    difference = mean - accuracy
    covers = "images" if seeds is None else "seeds and images"
    return Published(difference, [difference - half, difference + half], None, DESCRIPTIVE, covers)


def varies(a: Seeds, b: Seeds) -> bool:
    """Whether the differences vary from seed to seed by more than rounding."""
    return len(a) > 1 and spread(a - b) > 0


def testable(a: Seeds, b: Seeds) -> bool:
    """Whether a p-value over seeds can be had: three pairs or more, whose differences vary."""
    return len(a) >= SEEDS_FOR_A_TEST and varies(a, b)


def paired_t(a: Seeds, b: Seeds) -> float | None:
    """Two-sided p of the paired t test, mean(d) / (s_d / sqrt(S)) with S - 1 degrees of freedom."""
    return float(stats.ttest_rel(a, b).pvalue) if testable(a, b) else None


def paired_interval(a: Seeds, b: Seeds) -> Interval | None:
    """95 % interval of mean(a - b) belonging to `paired_t`: other seeds, the same test images."""
    return interval(a - b, None, 0) if varies(a, b) else None


def welch(a: Seeds, b: Seeds) -> float | None:
    """Two-sided p of Welch's t test, which takes the runs as unpaired; None as in `paired_t`."""
    return welch_unpaired(a, b) if testable(a, b) else None


def welch_unpaired(a: Float[np.ndarray, " S"], b: Float[np.ndarray, " T"]) -> float | None:
    """The same of two sets of seeds that need not be equally many; None where neither varies."""
    first, second = ((float(one.mean()), spread(one), len(one)) for one in (a, b))
    if not (first[1] or second[1]):
        return None
    return float(stats.ttest_ind_from_stats(*first, *second, equal_var=False).pvalue)


def welch_interval(
    a: Float[np.ndarray, " S"],
    b: Float[np.ndarray, " T"],
    image_variance: float | None,
    groups: int,
) -> Interval | None:
    """95 % interval of mean(a) - mean(b) belonging to `welch_unpaired`, of images as in `interval`;
    None where nothing varies.
    """
    seeds = [(spread(one) ** 2 / len(one), len(one) - 1) for one in (a, b)]
    images = [] if image_variance is None else [(image_variance, groups - 1)]
    if sum(part for part, _ in seeds + images) <= NO_SPREAD**2:
        return None
    parts = [seeds + images, *([seeds] if any(part for part, _ in seeds) else [])]
    difference, half = float(a.mean() - b.mean()), max(half_width(None, one) for one in parts)
    covers = "seeds and images" if images else "seeds"
    return Interval(difference - half, difference + half, covers)


def wilcoxon(a: Seeds, b: Seeds) -> float | None:
    """Two-sided p of Wilcoxon's signed rank test; None below six seeds or without spread."""
    if len(a) < SEEDS_FOR_WILCOXON or not varies(a, b):
        return None
    # Rounded, so that differences equal but for rounding share their rank.
    return float(stats.wilcoxon(np.round(a - b, 9)).pvalue)


def equivalence(a: Seeds, b: Seeds, margin: float) -> float | None:
    """p of two one-sided paired t tests that |mean(a - b)| < margin; None as in `paired_t`.

    Schuirmann, "A comparison of the two one-sided tests procedure and the power approach for
    assessing the equivalence of average bioavailability", J. Pharmacokinet. Biopharm. 15, 1987.
    """
    if not testable(a, b):
        return None
    low = stats.ttest_1samp(a - b, -margin, alternative="greater").pvalue
    high = stats.ttest_1samp(a - b, margin, alternative="less").pvalue
    return float(max(low, high))


def equivalent_on_images(
    difference: float, variance: float | None, groups: int, margin: float
) -> float | None:
    """p of two one-sided tests that the difference of two models is below the margin on other
    images, by Student's t over duplicate groups; None where nothing varies.
    """
    if not variance:
        return None
    nearest = (margin - abs(difference)) / math.sqrt(variance)
    return float(stats.t.sf(nearest, groups - 1))


def effect_size(a: Seeds, b: Seeds) -> float | None:
    """Cohen's d of paired differences, mean(d) / s_d; None when they do not vary."""
    return float((a - b).mean() / spread(a - b)) if varies(a, b) else None


def smallest_detectable(a: Seeds, b: Seeds, alpha: float) -> float | None:
    """The difference that `paired_t` finds in 4 of 5 studies of this spread; None as there."""
    return detectable_effect(len(a), alpha) * spread(a - b) if testable(a, b) else None


def detectable_effect(seeds: int, alpha: float) -> float:
    """The mean difference, in units of s_d, with 80 % power in a two-sided paired t test.

    3.3 at three seeds, 1.7 at five. Solved on the square of the noncentral t, which is a noncentral
    F(1, S - 1, S d^2): scipy's noncentral t itself returns NaN in this range.
    """
    freedom = seeds - 1
    limit = float(stats.f.isf(alpha, 1, freedom))

    def shortfall(effect: float) -> float:
        return float(stats.ncf.sf(limit, 1, freedom, seeds * effect**2)) - POWER

    high = 1.0
    while shortfall(high) < 0:
        high *= 1.5
    return float(optimize.brentq(shortfall, 0.0, high))


def mcnemar(a_right: Bool[np.ndarray, " N"], b_right: Bool[np.ndarray, " N"]) -> McNemar:
    """Exact McNemar test of two models on the same images; p = 1 when they never disagree.

    About these two models, not about the methods that made them, and never pooled over seeds:
    pooling takes one image seen by several models for several images.
    """
    only_a = int(np.count_nonzero(a_right & ~b_right))
    only_b = int(np.count_nonzero(b_right & ~a_right))
    apart = only_a + only_b
    p = float(stats.binomtest(only_a, apart).pvalue) if apart else 1.0
    return McNemar(only_a, only_b, p)


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's adjusted p-values of one family, in the order given.

    A comparison that could not be tested (None) stays None and still counts in the family, so that
    no comparison becomes significant because another one failed.
    """
    tested = sorted((value, place) for place, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    highest = 0.0
    for rank, (value, place) in enumerate(tested):
        highest = max(highest, min(1.0, (len(p) - rank) * value))
        adjusted[place] = highest
    return adjusted
