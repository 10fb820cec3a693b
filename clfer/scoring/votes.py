"""How well a prediction agrees with raters who did not agree among themselves.

Notation: N images, C classes; `target` [N, C] holds each image's share of votes per class.
"""

import numpy as np
from jaxtyping import Float, Int


def voted(target: Float[np.ndarray, "N C"]) -> bool:
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
