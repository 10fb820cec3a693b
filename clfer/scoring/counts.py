"""Scores of predicted classes, and how much they would vary over other test images of the kind.

Notation: N images (at least one), C classes, codes 0..C-1, G duplicate groups. A share whose whole
is empty is 0: the recall of an absent class, the precision of a class never predicted, the F1 of a
class that is neither.

Each score is a ratio of sums over images (or a mean of such ratios), so to first order its error is
the sum of one contribution per image (the influence function, the "delta method"). Contributions
sum to 0. Images of one duplicate group are one draw, not several: their contributions are added
before they are squared.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from sklearn import metrics

from clfer.scoring.comparison import CONFIDENCE

Codes = Int[np.ndarray, " N"]
Contributions = Float[np.ndarray, " N"]


class PerClass(NamedTuple):
    """Scores of each class in the order of the codes, its images, and those taken for it."""

    precision: Float[np.ndarray, " C"]
    recall: Float[np.ndarray, " C"]
    f1: Float[np.ndarray, " C"]
    support: Int[np.ndarray, " C"]
    chosen: Int[np.ndarray, " C"]


def confusion(actual: Codes, predicted: Codes, classes: int) -> Int[np.ndarray, "C C"]:
    """Images of each actual class (rows) by predicted class (columns)."""
    table: Int[np.ndarray, "C C"] = metrics.confusion_matrix(
        actual, predicted, labels=np.arange(classes)
    )
    return table


def per_class(actual: Codes, predicted: Codes, classes: int) -> PerClass:
    """The scores of each class; 0 where a share's whole is empty."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        actual, predicted, labels=np.arange(classes), zero_division=0
    )
    # scikit-learn's support is in floats where no prediction is right
    support, chosen = (np.bincount(codes, minlength=classes) for codes in (actual, predicted))
    return PerClass(precision, recall, f1, support, chosen)


def accuracy(confusion: Int[np.ndarray, "C C"]) -> float:
    """Share of the images on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def accuracy_score(actual: Codes, predicted: Codes, classes: int) -> float:
    """Share of the images that are right."""
    return float((actual == predicted).mean())


def uar(actual: Codes, predicted: Codes, classes: int) -> float:
    """Unweighted average recall over the classes that have images: the balanced accuracy."""
    scores = per_class(actual, predicted, classes)
    return float(scores.recall[scores.support > 0].mean())


def macro_f1(actual: Codes, predicted: Codes, classes: int) -> float:
    """Unweighted mean of F1 over the classes that occur, as a label or as a prediction."""
    scores = per_class(actual, predicted, classes)
    return float(scores.f1[scores.support + scores.chosen > 0].mean())


def kappa(actual: Codes, predicted: Codes) -> float:
    """Cohen's kappa, in [-1, 1]; 0 where labels and predictions are all of one class (0 / 0)."""
    if len(np.union1d(actual, predicted)) == 1:
        return 0.0
    return float(metrics.cohen_kappa_score(actual, predicted))


def wilson(right: int | float, total: int | float) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share, within [0, 1]; (0, 1) when the total is 0.

    E. B. Wilson, 1927. It takes the images as independent and is valid at shares of 0 and 1.
    Fractions of images are allowed: a mean over several models of the same images has some.
    """
    return score_interval(right, total, float(stats.norm.ppf((1 + CONFIDENCE) / 2)))


def score_interval(right: int | float, total: int | float, z: float) -> tuple[float, float]:
    """The shares whose distance from right / total is at most z of their own standard errors."""
    if total == 0:
        return 0.0, 1.0
    rate = right / total
    centre = rate + z**2 / (2 * total)
    half = z * math.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def accuracy_influence(actual: Codes, predicted: Codes, classes: int) -> Contributions:
    """(right - accuracy) / N."""
    right = actual == predicted
    share: Contributions = (right - right.mean()) / len(actual)
    return share


def uar_influence(actual: Codes, predicted: Codes, classes: int) -> Contributions:
    """(right - recall of the image's class) / (images of the class x classes present)."""
    right = actual == predicted
    images = np.bincount(actual, minlength=classes)
    recall = np.bincount(actual, weights=right, minlength=classes) / np.maximum(images, 1)
    share: Contributions = (right - recall[actual]) / (images[actual] * np.count_nonzero(images))
    return share


def macro_f1_influence(actual: Codes, predicted: Codes, classes: int) -> Contributions:
    """Mean over the classes that occur of the contribution to F1 = 2 hits / (labels + predictions).

    An image enters the F1 of its label and that of its prediction, and no other.
    """
    right = actual == predicted
    hits = np.bincount(actual, weights=right, minlength=classes)
    whole = np.bincount(np.concatenate([actual, predicted]), minlength=classes)
    pull = 2 * hits / np.maximum(whole, 1) ** 2  # F1 / whole
    gain = 2 * right / whole[actual] - pull[actual] - pull[predicted]
    share: Contributions = gain / np.count_nonzero(whole)
    return share


def variance(contributions: Contributions, group: Codes) -> float | None:
    """Variance of the score over draws of groups, G / (G - 1) x sum of squared group sums.

    None with fewer than two groups. `group` may hold any integers.
    """
    _, index = np.unique(group, return_inverse=True)
    sums = np.bincount(index, weights=contributions)
    # rounded once: a product of BLAS depends on where the arrays lie, in its last digit
    return None if len(sums) < 2 else math.fsum(sums**2) * len(sums) / (len(sums) - 1)


# The scores that are summarised over seeds, each with what an image contributes to it.
Score = Callable[[Codes, Codes, int], float]
Influence = Callable[[Codes, Codes, int], Contributions]
METRICS: dict[str, tuple[Score, Influence]] = {
    "accuracy": (accuracy_score, accuracy_influence),
    "uar": (uar, uar_influence),
    "macro_f1": (macro_f1, macro_f1_influence),
}
