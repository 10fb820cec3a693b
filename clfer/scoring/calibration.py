"""Calibration, likelihood, and agreement with raters who did not agree among themselves.

Notation: N images, C classes, M bins; `target` [N, C] holds each image's share of votes per class.
Probabilities are clipped from below at float32's machine epsilon before a logarithm, as
scikit-learn's `log_loss` does: one certain miss costs 15.9, not infinity.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

BINS = 15
FLOOR = float(np.finfo(np.float32).eps)


class Reliability(NamedTuple):
    """Images, mean confidence and accuracy per equal-width bin of the confidence; 0 where empty."""

    images: Int[np.ndarray, " M"]
    confidence: Float[np.ndarray, " M"]
    accuracy: Float[np.ndarray, " M"]


def reliability(
    confidence: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"], bins: int
) -> Reliability:
    """Bin m holds the confidences in (m / bins, (m + 1) / bins]; the first one holds 0 as well."""
    index = _bin_index(confidence, bins)
    images = np.bincount(index, minlength=bins)
    whole = np.maximum(images, 1)
    return Reliability(
        images,
        np.bincount(index, weights=confidence, minlength=bins) / whole,
        np.bincount(index, weights=right, minlength=bins) / whole,
    )


def expected_calibration_error(
    confidence: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"]
) -> float:
    """Mean distance of accuracy from confidence over 15 bins, weighted by their images; in [0, 1].

    `confidence` is the top probability of each image. Guo et al., 2017, eq. 3.
    """
    bins = reliability(confidence, right, BINS)
    gaps = np.abs(bins.accuracy - bins.confidence)
    # rounded once: a product of BLAS depends on where the arrays lie, in its last digit
    return math.fsum(gaps * bins.images) / len(confidence)


def ece_influence(
    confidence: Float[np.ndarray, " N"], right: Bool[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    """What each image contributes to the error's own error; see clfer.scoring.counts.

    (s (right - confidence) - ECE) / N, with s = 1 or -1 as the accuracy of the image's bin lies
    above its confidence or below. To first order: bins are taken as staying on their side.
    """
    bins = reliability(confidence, right, BINS)
    side = np.sign(bins.accuracy - bins.confidence)[_bin_index(confidence, BINS)]
    error = expected_calibration_error(confidence, right)
    share: Float[np.ndarray, " N"] = (side * (right - confidence) - error) / len(right)
    return share


def negative_log_likelihood(
    probability: Float[np.ndarray, "N C"], label: Int[np.ndarray, " N"]
) -> float:
    """Mean of -ln p(label), in nats."""
    hit = probability[np.arange(len(label)), label].astype(np.float64)
    return float(-np.log(np.maximum(hit, FLOOR)).mean())


def divergence(target: Float[np.ndarray, "N C"], probability: Float[np.ndarray, "N C"]) -> float:
    """Mean KL(target || probability) in nats: what the raters' votes say beyond the model's.

    Both hold distributions in their rows. For one-hot targets it is the negative log-likelihood.
    """
    voted = target.astype(np.float64)
    given = np.maximum(probability.astype(np.float64), FLOOR)
    ratio = np.where(voted > 0, voted, 1.0) / given
    return float((voted * np.log(ratio)).sum(axis=1).mean())


def has_votes(target: Float[np.ndarray, "N C"]) -> bool:
    """Whether votes are known: some image's shares are spread over two classes or more."""
    return bool((np.count_nonzero(target, axis=1) > 1).any())


def top2(target: Float[np.ndarray, "N C"], predicted: Int[np.ndarray, " N"]) -> float:
    """Share of the images whose predicted class is one of the two that most raters voted for.

    A class counts when its share is positive and at least the second largest of the image's C
    shares, equal ones counted one by one. So classes that tie for the second place all count, three
    that tie for the first do too, and beside a single class that got every vote none does.
    """
    second = np.partition(target, -2, axis=1)[:, -2]
    given = target[np.arange(len(target)), predicted]
    return float(((given > 0) & (given >= second)).mean())


def _bin_index(confidence: Float[np.ndarray, " N"], bins: int) -> Int[np.ndarray, " N"]:
    """The bin of each confidence."""
    # Rounded first: 0.6 * 15 is a hair above 9 in binary and would fall into the bin above.
    position = np.round(confidence.astype(np.float64) * bins, 9)
    index: Int[np.ndarray, " N"] = np.clip(np.ceil(position).astype(np.int64) - 1, 0, bins - 1)
    return index
