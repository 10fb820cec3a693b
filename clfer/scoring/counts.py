"""Confusion counts, and every score that derives from them alone.

Notation: N images, C classes; `counts` [C, C] has actual classes in rows, predicted ones in columns
and holds at least one image. A share whose whole is empty is 0, as with scikit-learn's
`zero_division=0`: the recall of an absent class, the precision of a class never predicted, the F1
of a class that is neither.
"""

import math

import numpy as np
from jaxtyping import Float, Int
from scipy import stats


def confusion(
    actual: Int[np.ndarray, " N"], predicted: Int[np.ndarray, " N"], classes: int
) -> Int[np.ndarray, "C C"]:
    """How many images of each actual class got each predicted class; labels are in 0..classes-1."""
    cell = actual.astype(np.int64) * classes + predicted
    counts: Int[np.ndarray, "C C"] = np.bincount(cell, minlength=classes**2).reshape(classes, -1)
    return counts


def share(part: Int[np.ndarray, " C"], whole: Int[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
    """part / whole, and 0 where the whole is 0."""
    out = np.zeros(len(whole))
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def support(counts: Int[np.ndarray, "C C"]) -> Int[np.ndarray, " C"]:
    """Images per actual class."""
    images: Int[np.ndarray, " C"] = counts.sum(axis=1)
    return images


def accuracy(counts: Int[np.ndarray, "C C"]) -> float:
    """Share of the images that are right."""
    return float(np.trace(counts) / counts.sum())


def recall(counts: Int[np.ndarray, "C C"]) -> Float[np.ndarray, " C"]:
    """Per class, the share of its images that are right; 0 for a class without images."""
    return share(np.diag(counts), counts.sum(axis=1))


def precision(counts: Int[np.ndarray, "C C"]) -> Float[np.ndarray, " C"]:
    """Per class, the share of its predictions that are right; 0 for a class never predicted."""
    return share(np.diag(counts), counts.sum(axis=0))


def f1(counts: Int[np.ndarray, "C C"]) -> Float[np.ndarray, " C"]:
    """Per class, the harmonic mean of precision and recall; 0 where either is undefined."""
    return share(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def uar(counts: Int[np.ndarray, "C C"]) -> float:
    """Unweighted average recall over the classes that have images: the balanced accuracy."""
    return float(recall(counts)[support(counts) > 0].mean())


def macro_f1(counts: Int[np.ndarray, "C C"]) -> float:
    """Unweighted mean of F1 over the classes that occur, as a label or as a prediction."""
    occurs = counts.sum(axis=0) + counts.sum(axis=1) > 0
    return float(f1(counts)[occurs].mean())


def kappa(counts: Int[np.ndarray, "C C"]) -> float:
    """Cohen's kappa: the agreement beyond chance, in [-1, 1].

    0 where it is 0 / 0, that is where labels and predictions are all of one class: nothing beyond
    chance can be seen there.
    """
    total = counts.sum()
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    return 0.0 if chance == 1 else float((accuracy(counts) - chance) / (1 - chance))


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
