"""Faces cut out of pictures: upright by five landmarks, or the square around a box, or the middle.

The landmarks are brought to standard places by a similarity transform, as for ArcFace (Deng et al.
2019): both eyes, the nose and the corners of the mouth, left to right as seen in the picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from pydantic import Field

from clfer.errors import InputError
from clfer.faces.detection import Detections, are_usable, principal
from clfer.faces.preprocessing import Cut

Picture = UInt8[np.ndarray, "H W *C"]  # grey [H, W] or RGB [H, W, 3]
Crop = UInt8[np.ndarray, "S S *C"]
Points = Float[np.ndarray, "5 2"]  # (x, y)
Find = Callable[[UInt8[np.ndarray, "_ _ ..."]], Detections]

# Where the landmarks belong, as shares of the crop's side.
TEMPLATE = np.reshape(
    [38.2946, 51.6963, 73.5318, 51.5014, 56.0252, 71.7366, 41.5493, 92.3655, 70.7299, 92.2041],
    (5, 2),
) / 112  # fmt: skip
UNUSABLE = "landmarks not finite, or all on one line"


class Alignment(Cut):
    """How faces are found and cut out in a dataset: `datasets.D.faces`."""

    # given: by the dataset; none: they are crops
    detector: Literal["insightface", "yunet", "given", "none"]
    # of the detector; null: see clfer.faces.detectors
    weights: Annotated[Path, Field(strict=False)] | None


class CropOutcome(NamedTuple):
    """How an image was cropped.

    outcome: detected, given (by the dataset's landmarks), box (by the dataset's box), centre (the
             largest square in the middle), whole (the same, with detector none) or rejected
    score:   of the detection
    points:  x and y of the five landmarks it was aligned by, in pixels of the picture
    reason:  why it was rejected, or why its landmarks were not used
    """

    outcome: str
    score: float | None = None
    points: list[float] | None = None
    reason: str | None = None


def crop_face(
    picture: Picture, landmarks: Any, box: Any, settings: Alignment, find: Find | None
) -> tuple[UInt8[np.ndarray, "S S _"], CropOutcome]:
    """The face of a dataset's image, and how it was cropped.

    landmarks: ten numbers x, y, or None; box: left, top, width, height, or None; both of the
    dataset. find: of a detector that looks for faces. A detected face is preferred to the dataset's
    landmarks, these to its box, and the box to the middle of the picture: no picture is dropped.
    """
    outcome, reason = None, None
    if settings.detector == "none":
        outcome = CropOutcome("whole")
    elif find is not None:
        outcome = _detected(find(picture), picture.shape[:2], box)
    if outcome is None and landmarks is not None:
        points = np.asarray(landmarks, dtype=np.float64)
        if are_usable(points.reshape(5, 2)):
            outcome = CropOutcome("given", points=points.tolist())
        else:
            reason = UNUSABLE
    outcome = outcome or CropOutcome("centre" if box is None else "box", reason=reason)
    if outcome.points is not None:
        points = np.reshape(outcome.points, (5, 2))
        face = align(picture, points, places(settings), settings.size)
    elif outcome.outcome == "box":
        face = boxed(picture, np.asarray(box, np.float64), settings.size, settings.margin)
    else:
        face = whole(picture, settings.size)
    return coloured(face, settings.channels), outcome


def _detected(detections: Detections, shape: tuple[int, ...], box: Any) -> CropOutcome | None:
    """By the face that is meant: the largest and most central one, and where the dataset has a
    box, one whose middle lies in it. None without such a face.
    """
    left, top, width, height = box or (0, 0, shape[1], shape[0])
    middle = np.array([left + width / 2, top + height / 2])
    if box is not None:
        distance = np.abs(detections.box[:, :2] + detections.box[:, 2:] / 2 - middle)
        inside = (distance <= np.array([width, height]) / 2).all(axis=1)
        detections = Detections(*(part[inside] for part in detections))
    if not len(detections.score):
        return None
    best = principal(detections, middle)
    points = detections.landmarks[best].ravel().tolist()
    return CropOutcome("detected", float(detections.score[best]), points)


def places(cut: Cut) -> Points:
    """Where a cut face has its landmarks, as shares of its side: at the template's places with
    `margin` of the side left free around its frame, or where the cut itself says.
    """
    if cut.landmarks is not None:
        return np.array(cut.landmarks)
    return TEMPLATE * (1 - 2 * cut.margin) + cut.margin


def similarity(points: Points, target: Points) -> Float[np.ndarray, "2 3"]:
    """The rotation, scale and shift that take points closest to their target, by least squares.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE TPAMI 1991, Eq. (38)-(43). InputError where the points determine none.
    """
    if not are_usable(points):
        raise InputError(
            f"landmarks: expected five finite points, not all on one line; found {points.tolist()}"
        )
    mean, target_mean = points.mean(axis=0), target.mean(axis=0)
    centred = points - mean
    u, singular, v = np.linalg.svd((target - target_mean).T @ centred / len(points))
    sign = np.array([1.0, np.sign(np.linalg.det(u @ v))])  # a rotation, no reflection
    rotation = u @ np.diag(sign) @ v
    scale = 1 / centred.var(axis=0).sum() * (singular @ sign)
    return np.column_stack([rotation * scale, target_mean - scale * (rotation @ mean)])


def align(image: Picture, landmarks: Points, places: Points, size: int) -> Crop:
    """The face upright in a size x size crop; beyond the picture its border is repeated."""
    return warped(image, similarity(landmarks, places * size), size)


def boxed(image: Picture, box: Float[np.ndarray, "4"], size: int, margin: float) -> Crop:
    """The square around a box (left, top, width, height) in a size x size crop.

    `margin`: share of the crop's side left free on each side beyond the box's longer side.
    """
    left, top, width, height = box
    side = max(width, height) / (1 - 2 * margin)
    scale = size / side
    corner = np.array([left + width / 2, top + height / 2]) - side / 2
    # a box counts from the edges of pixels, a matrix from their centres
    shift = scale * (0.5 - corner) - 0.5
    return warped(image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), size)


def whole(image: Picture, size: int) -> Crop:
    """The largest square in the middle of the picture, brought to size x size."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    return cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA)


def coloured(face: Crop, channels: int) -> UInt8[np.ndarray, "S S {channels}"]:
    """The face in grey (1 channel) or RGB (3), whatever it was."""
    if face.ndim == 3 and channels == 1:
        face = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return face if face.ndim == 3 else np.repeat(face[:, :, None], channels, axis=2)


def warped(image: Picture, matrix: Float[np.ndarray, "2 3"], size: int) -> Crop:
    """The crop into which `matrix` takes the picture.

    A picture to be made smaller than half is averaged over whole blocks of pixels first: warpAffine
    interpolates between four pixels, and would turn the rest into noise.
    """
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    # rounding errors must not cost a whole block
    block = int(min(1 / max(scale, 1e-9) + 1e-6, *image.shape[:2]))
    if block > 1:
        height, width = (side // block for side in image.shape[:2])
        whole_blocks = image[: height * block, : width * block]
        image = cv2.resize(whole_blocks, (width, height), interpolation=cv2.INTER_AREA)
        shift = matrix[:, :2].sum(axis=1) * (block - 1) / 2  # to the middle of a block
        matrix = np.column_stack([matrix[:, :2] * block, matrix[:, 2] + shift])
    return cv2.warpAffine(
        image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
