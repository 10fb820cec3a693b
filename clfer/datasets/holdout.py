"""A stratified part of the training images, whole groups of copies at a time."""

import numpy as np
from jaxtyping import Bool, Int64


def hold_out(
    labels: Int64[np.ndarray, "N"], groups: Int64[np.ndarray, "N"], fraction: float, seed: int
) -> Bool[np.ndarray, "N"]:
    """Which of N images to hold out: whole groups, drawn by `seed`, close to `fraction` per class.

    A group counts for the class of its first image. A group too large for what its class has still
    to give stays, so that no class gives more than its quota.
    """
    _, first, member_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    group_class = labels[first]
    left = quotas(np.bincount(group_class[member_of]), fraction)
    held_out = np.zeros(len(sizes), bool)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= left[group_class[group]]:
            left[group_class[group]] -= sizes[group]
            held_out[group] = True
    return held_out[member_of]


def quotas(counts: Int64[np.ndarray, "C"], fraction: float) -> Int64[np.ndarray, "C"]:
    """`fraction` of each class's count, rounded by largest remainder so that the sum is right.

    Then at least one and at most all but one, where a class has two: each side needs an image.
    """
    exact = counts * fraction
    shares = np.floor(exact).astype(np.int64)
    missing = round(exact.sum()) - shares.sum()
    shares[np.argsort(shares - exact, stable=True)[:missing]] += 1
    return shares.clip(counts > 1, np.maximum(counts - 1, 0))
