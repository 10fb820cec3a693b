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


def detail(image: UInt8[np.ndarray, "side side"]) -> Float[np.ndarray, "n n"]:
    """What is left of a grey face when what is coarse is taken away."""
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(small - cv2.GaussianBlur(small, (0, 0), BLUR), np.float32)


def agreement(one: Float[np.ndarray, "n n"], other: Float[np.ndarray, "n n"]) -> float:
    """The correlation of two details, the highest of those with one moved by up to SHIFT pixels."""
    inner = one[SHIFT : SIDE - SHIFT, SHIFT : SIDE - SHIFT]
    if inner.std() == 0 or other.std() == 0:
        return 0.0
    return float(cv2.matchTemplate(other, inner, cv2.TM_CCOEFF_NORMED).max())
