"""The same face as another crop would show it: larger, moved, mirrored."""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

SIDE = 48  # of a face in pixels, while it is moved


class View(NamedTuple):
    """How a face is changed: made larger by `zoom`, looked at `right` and `down` of its middle
    (pixels of SIDE), mirrored left to right.
    """

    zoom: float
    right: float
    down: float
    mirrored: bool

    @property
    def cropped(self) -> bool:
        return (self.zoom, self.right, self.down) != (1.0, 0.0, 0.0)


def _within(zoom: float) -> list[View]:
    """The middle, the corners and the edges of what an enlarged face has room for."""
    room = SIDE * (1 - 1 / zoom) / 2
    return [View(zoom, right, down, False) for right, down in product((-room, 0.0, room), repeat=2)]


PLAIN = (View(1.0, 0.0, 0.0, False), View(1.0, 0.0, 0.0, True))
STEP = 3.0  # pixels by which a crop may lie beside another
# each face is compared with each other one moved, so that the opposite moves are in these
MOVED = tuple(
    View(1.0, right, down, False)
    for right, down in ((STEP, 0.0), (0.0, STEP), (STEP, STEP), (STEP, -STEP))
)
CROPS = (*MOVED, *_within(1.12), *_within(1.25))


def grey(face: UInt8[np.ndarray, "S S C"]) -> UInt8[np.ndarray, "side side"]:
    """The mean of the channels, at SIDE x SIDE."""
    levels = face.mean(axis=2).round().astype(np.uint8)
    return np.asarray(cv2.resize(levels, (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def seen(face: UInt8[np.ndarray, "side side"], view: View) -> UInt8[np.ndarray, "side side"]:
    """The face in this view; beyond its border the border is repeated."""
    if not view.cropped:
        return np.ascontiguousarray(face[:, ::-1]) if view.mirrored else face
    middle = (SIDE - 1) / 2
    corner = middle * (1 - 1 / view.zoom)
    matrix = np.array(
        [[1 / view.zoom, 0, corner + view.right], [0, 1 / view.zoom, corner + view.down]]
    )
    return np.asarray(
        cv2.warpAffine(
            face,
            matrix,
            (SIDE, SIDE),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )
