"""One face out of one picture, by the best that is known of where it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from clfer.faces.alignment import align, boxed, places, whole
from clfer.faces.detection import Found, principal
from clfer.faces.preprocessing import Cut

Find = Callable[[UInt8[np.ndarray, "_ _ ..."]], Found]
Points = Float[np.ndarray, "5 2"]


class Alignment(Cut):
    """How faces are found and cut out in a dataset: `datasets.D.faces`."""

    detector: Literal["insightface", "given", "none"]  # given: by the dataset; none: they are crops
    weights: Path | None  # of the detector; null: see clfer.faces.weights

    @property
    def cut(self) -> Cut:
        """What of it photos need to be cut alike, wherever the detector is."""
        return Cut(**{name: getattr(self, name) for name in Cut.model_fields})


class Fate(NamedTuple):
    """What became of an image.

    outcome: detected, given (by the dataset's landmarks), box (by the dataset's box), centre (the
             largest square in the middle), whole (the same, with detector none) or rejected
    score:   of the detection
    points:  x and y of the five landmarks it was aligned by, in pixels of the picture
    reason:  of a rejection
    """

    outcome: str
    score: float | None = None
    points: list[float] | None = None
    reason: str | None = None


def cut(
    picture: UInt8[np.ndarray, "H W *C"],
    landmarks: Any,
    box: Any,
    settings: Alignment,
    find: Find | None,
) -> tuple[UInt8[np.ndarray, "S S C2"], Fate]:
    """The face, and how it was come by.

    landmarks: ten numbers x, y, or None; box: left, top, width, height, or None; both of the
    dataset. find: for detector insightface. A detected face goes before the dataset's landmarks,
    these before its box, and the box before the middle of the picture: no picture is given up.
    """
    size = settings.size
    points, fate = _locate(picture, landmarks, box, settings, find)
    if points is not None:
        face = align(picture, points, places(settings), size)
    elif fate.outcome == "box":
        face = boxed(picture, np.asarray(box, dtype=np.float64), size, settings.margin)
    else:
        face = whole(picture, size)
    return coloured(face, settings.channels), fate


def _locate(
    picture: UInt8[np.ndarray, "H W *C"],
    landmarks: Any,
    box: Any,
    settings: Alignment,
    find: Find | None,
) -> tuple[Points | None, Fate]:
    if settings.detector == "none":
        return None, Fate("whole")
    if find is not None and (best := _detected(find(picture), picture.shape[:2], box)):
        return best
    if landmarks is not None:
        points = np.asarray(landmarks, dtype=np.float64).reshape(5, 2)
        return points, Fate("given", points=list(landmarks))
    return None, Fate("centre" if box is None else "box")


def _detected(found: Found, shape: tuple[int, ...], box: Any) -> tuple[Points, Fate] | None:
    """The face that is meant, if it is among those found: of several in the picture the largest
    and most central, and none but one in the middle of the dataset's box where there is a box.
    """
    left, top, width, height = box or (0, 0, shape[1], shape[0])
    middle = np.array([left + width / 2, top + height / 2])
    if box is not None:
        off = np.abs(found.box[:, :2] + found.box[:, 2:] / 2 - middle)
        inside = (off <= np.array([width, height]) / 2).all(axis=1)
        found = Found(*(part[inside] for part in found))
    if not len(found.score):
        return None
    best = principal(found, middle)
    points, score = found.landmarks[best], float(found.score[best])
    return points, Fate("detected", score, points.ravel().tolist())


def coloured(
    face: UInt8[np.ndarray, "S S *C"], channels: int
) -> UInt8[np.ndarray, "S S {channels}"]:
    """Grey or RGB, as it shall be stored."""
    if face.ndim == 3 and channels == 1:
        face = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if face.ndim == 2:
        face = np.repeat(face[:, :, None], channels, axis=2)
    return face
