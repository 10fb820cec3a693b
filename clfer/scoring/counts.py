"""Scores of predicted classes, by scikit-learn, and Wilson's interval.

Notation: N images (at least one), C classes, codes 0..C-1. A share whose whole is empty is 0: the
recall of an absent class, the precision of a class never predicted, the F1 of a class that is
neither.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import stats
from sklearn import metrics

Codes = Int[np.ndarray, " N"]


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
    """Precision, recall, F1, images per label and images per prediction."""
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        actual, predicted, labels=np.arange(classes), zero_division=0
    )
    # scikit-learn's support is in floats where no prediction is right
    support, chosen = (np.bincount(codes, minlength=classes) for codes in (actual, predicted))
    return PerClass(precision, recall, f1, support, chosen)


def accuracy(confusion: Int[np.ndarray, "C C"]) -> float:
    """Share of the images on the diagonal."""
    return float(np.trace(confusion) / confusion.sum())


def uar(scores: PerClass) -> float:
    """Unweighted average recall over the classes that have images: the balanced accuracy."""
    return float(scores.recall[scores.support > 0].mean())


def macro_f1(scores: PerClass) -> float:
    """Unweighted mean of F1 over the classes that occur, as a label or as a prediction."""
    return float(scores.f1[scores.support + scores.chosen > 0].mean())


def kappa(actual: Codes, predicted: Codes) -> float:
    """Cohen's kappa, in [-1, 1]; 0 where labels and predictions are all of one class (0 / 0)."""
    if len(np.union1d(actual, predicted)) == 1:
        return 0.0
    return float(metrics.cohen_kappa_score(actual, predicted))


def wilson(right: int | float, total: int | float, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share, within [0, 1]; (0, 1) when the total is 0.

    E. B. Wilson, 1927. It takes the images as independent and stays sound at shares of 0 and 1.
    Fractions of images are allowed: a mean over several models of the same images has some.
    """
    return score_interval(right, total, float(stats.norm.ppf((1 + confidence) / 2)))


def score_interval(right: int | float, total: int | float, z: float) -> tuple[float, float]:
    """The shares whose distance from right / total is at most z of their own standard errors."""
    if total == 0:
        return 0.0, 1.0
    rate = right / total
    centre = rate + z**2 / (2 * total)
    half = z * math.sqrt(rate * (1 - rate) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
