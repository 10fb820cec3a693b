"""How much a score would vary over other test images of the same kind.

Each score is a ratio of sums over images (or a mean of such ratios), so to first order its error is
the sum of one contribution per image (the influence function, the "delta method"). Contributions
sum to 0. Images of one duplicate group are one draw, not several: their contributions are added
before they are squared. Notation: N images, C classes, G groups.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from clfer.scoring import counts

Labels = Int[np.ndarray, " N"]
Contributions = Float[np.ndarray, " N"]


def of_accuracy(actual: Labels, predicted: Labels, classes: int) -> Contributions:
    """(right - accuracy) / N."""
    right = actual == predicted
    share: Contributions = (right - right.mean()) / len(actual)
    return share


def of_uar(actual: Labels, predicted: Labels, classes: int) -> Contributions:
    """(right - recall of the image's class) / (images of the class x classes present)."""
    right = actual == predicted
    images = np.bincount(actual, minlength=classes)
    recall = np.bincount(actual, weights=right, minlength=classes) / np.maximum(images, 1)
    share: Contributions = (right - recall[actual]) / (images[actual] * np.count_nonzero(images))
    return share


def of_macro_f1(actual: Labels, predicted: Labels, classes: int) -> Contributions:
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


def variance(contributions: Contributions, group: Labels) -> float | None:
    """Variance of the score over draws of groups, G / (G - 1) x sum of squared group sums.

    None with fewer than two groups. `group` may hold any integers.
    """
    _, index = np.unique(group, return_inverse=True)
    sums = np.bincount(index, weights=contributions)
    # rounded once: a product of BLAS depends on where the arrays lie, in its last digit
    return None if len(sums) < 2 else math.fsum(sums**2) * len(sums) / (len(sums) - 1)


def standard_error(contributions: Contributions, group: Labels) -> float | None:
    """Square root of `variance`, None where that is None."""
    found = variance(contributions, group)
    return None if found is None else math.sqrt(found)


def accuracy(actual: Labels, predicted: Labels, classes: int) -> float:
    """Share of the images that are right."""
    return float((actual == predicted).mean())


def uar(actual: Labels, predicted: Labels, classes: int) -> float:
    """`counts.uar` of predictions."""
    return counts.uar(counts.per_class(actual, predicted, classes))


def macro_f1(actual: Labels, predicted: Labels, classes: int) -> float:
    """`counts.macro_f1` of predictions."""
    return counts.macro_f1(counts.per_class(actual, predicted, classes))


Score = Callable[[Labels, Labels, int], float]
Influence = Callable[[Labels, Labels, int], Contributions]

# The three scores that are summarised over seeds, with what each image contributes to them.
METRICS: dict[str, tuple[Score, Influence]] = {
    "accuracy": (accuracy, of_accuracy),
    "uar": (uar, of_uar),
    "macro_f1": (macro_f1, of_macro_f1),
}
