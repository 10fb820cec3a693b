"""Face detection: the faces in a picture with their five landmarks, by one of two networks."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError

GREY = (127, 127, 127)
THIN = 100  # a picture so many times as long as it is wide has no face: of 640 pixels 6 are left

Picture = UInt8[np.ndarray, "H W 3"]  # blue, green, red, as OpenCV has it
Corners = Float[np.ndarray, "F 5"]  # left, top, right, bottom and score
Five = Float[np.ndarray, "F 5 2"]


class Detections(NamedTuple):
    """The F faces in a picture, in pixels of it, by descending score."""

    box: Float[np.ndarray, "F 4"]  # left, top, width, height
    score: Float[np.ndarray, " F"]
    landmarks: Float[np.ndarray, "F 5 2"]  # as in clfer.faces.alignment.TEMPLATE


class Detector(ABC):
    """Finds faces in pictures; may be called from several threads.

    small:   a picture whose longer side is no longer is enlarged to that
    border:  around it, as a share of its longer side, in grey
    large:   sides to which another is brought, one after another, for small faces and large ones
    weights: the file of a network
    turned:  whether to look at each picture in all four directions and keep the one with the
             highest score, for pictures on their side or upside down; four times slower
    """

    small: int
    border: float
    large: tuple[int, ...]
    device = "cpu"  # or cuda:N

    def __init__(self, weights: Path, turned: bool) -> None:
        self.weights = weights
        self.turns = range(4 if turned else 1)

    @abstractmethod
    def find(self, picture: Picture, sides: tuple[int, ...]) -> tuple[Corners, Five]:
        """Faces in the picture, looked at with its longer side as long as each of these."""

    def __call__(self, picture: UInt8[np.ndarray, "H W *C"]) -> Detections:
        """Every face in a picture, grey [H, W] or RGB [H, W, 3]. InputError: the weights turn out
        to be those of another network.
        """
        height, width = picture.shape[:2]
        if max(height, width) > THIN * min(height, width):
            return Detections(np.zeros((0, 4)), np.zeros(0), np.zeros((0, 5, 2)))
        by_turn = [
            _turned_back(self._upright(np.rot90(picture, turn)), turn, height, width)
            for turn in self.turns
        ]
        return max(by_turn, key=lambda detections: detections.score.max(initial=0.0))

    def _upright(self, picture: UInt8[np.ndarray, "H W *C"]) -> Detections:
        code = cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR
        colour = cv2.cvtColor(np.ascontiguousarray(picture), code)
        side = max(colour.shape[:2])
        border, scale = 0, 1.0
        sides = self.large
        if side <= self.small:
            border, sides = round(self.border * side), (self.small,)
            scale = self.small / (side + 2 * border)
            framed = cv2.copyMakeBorder(
                colour, border, border, border, border, cv2.BORDER_CONSTANT, value=GREY
            )
            colour = cv2.resize(framed, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        try:
            corners, points = self.find(colour, sides)
        except Exception as error:  # of the network, or of numpy over what came out
            raise InputError(self.expected("one that fails on a picture")) from error
        if not (np.isfinite(corners).all() and np.isfinite(points).all()):
            raise InputError(self.expected("one that finds faces nowhere"))
        kept = np.array([are_usable(five) for five in points], dtype=bool)
        corners, points = corners[kept], points[kept]
        low, high = corners[:, :2], corners[:, 2:4]
        box = np.hstack([low / scale - border, (high - low) / scale])
        return Detections(box, corners[:, 4], points / scale - border)

    def expected(self, found: str) -> str:
        """The message where the weights are those of another network."""
        return (
            f"{self.weights}: expected a face detector with five landmarks (YuNet, or SCRFD as "
            f"det_*.onnx of insightface), found {found}; use another file"
        )


def are_usable(landmarks: Float[np.ndarray, "5 2"]) -> bool:
    """Whether a face can be aligned by them: finite, and neither one point nor on one line."""
    if not (np.abs(landmarks) < 1e6).all():  # NaN is not either; no picture is as wide
        return False
    spread = np.linalg.svd(landmarks - landmarks.mean(axis=0), compute_uv=False)
    return bool(spread[1] > 1e-6 * max(spread[0], 1.0))


def principal(detections: Detections, middle: Float[np.ndarray, "2"]) -> int:
    """Which face is meant, of at least one: the largest and nearest to the point `middle`.

    The square root of its area less its distance from there, both in pixels, is greatest.
    """
    box = detections.box
    side = np.sqrt(box[:, 2:].prod(axis=1))
    distance = np.linalg.norm(box[:, :2] + box[:, 2:] / 2 - middle, axis=1)
    return int(np.argmax(side - distance))


def _turned_back(detections: Detections, turn: int, height: int, width: int) -> Detections:
    """Faces in a picture that np.rot90 turned `turn` times, in pixels of the picture itself."""
    low = detections.box[:, :2]
    corners = np.stack([low, low + detections.box[:, 2:]], axis=1)
    points = np.concatenate([corners, detections.landmarks], axis=1)  # [F, 7, 2]
    for left in range(turn, 0, -1):
        # before its last quarter turn the picture was as wide as it is high now
        before = width if left % 2 else height
        points = np.stack([before - 1 - points[..., 1], points[..., 0]], axis=-1)
    corners = points[:, :2]
    box = np.hstack([corners.min(axis=1), np.ptp(corners, axis=1)])
    return Detections(box, detections.score, points[:, 2:])
