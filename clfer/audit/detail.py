"""Whether two faces agree in their fine detail, and not just in light and shade.

Two people lit from the same side correlate highly at a coarse scale. Their eyes, mouths and hair do
not lie in the same places.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

SIDE = 24  # at which faces are compared
BLUR = 2.0  # standard deviation in pixels of that: what is coarser is taken away
SHIFT = 1  # pixels of that by which another crop may lie beside


def detail(face: UInt8[np.ndarray, "S S C"]) -> Float[np.ndarray, "side side"]:
    """What is left of a face in grey when what is coarse is taken away."""
    grey = face.mean(axis=2, dtype=np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), BLUR), np.float32)


def agreement(one: Float[np.ndarray, "side side"], other: Float[np.ndarray, "side side"]) -> float:
    """The correlation of two details, the highest of those with one moved by up to SHIFT pixels."""
    inner = slice(SHIFT, SIDE - SHIFT)
    steps = range(2 * SHIFT + 1)
    size = SIDE - 2 * SHIFT
    windows = [other[down : down + size, right : right + size] for down in steps for right in steps]
    return max(_correlation(one[inner, inner], window) for window in windows)


def _correlation(one: Float[np.ndarray, "n n"], other: Float[np.ndarray, "n n"]) -> float:
    a, b = one - one.mean(), other - other.mean()
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float((a * b).sum()) / length if length > 0 else 0.0
