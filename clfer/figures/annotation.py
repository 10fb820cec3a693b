"""Pictures with a box and a label for each face."""

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import ImageColor

from clfer.figures.palette import COLOURS, GREY
from clfer.inference.predictor import Face

FONT = "uni"  # in OpenCV itself, with the letters of most languages
LIGHT = 330  # of a colour whose letters are black, as the sum of its three values

Corners = tuple[float, float, float, float]  # left, top, right, bottom


def annotated(
    picture: UInt8[np.ndarray, "H W *C"],
    faces: Sequence[Face],
    classes: Sequence[str],
    minimum: float,
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with a box around each face, its label and probability; `unsure` where that is
    below `minimum`. A face crop has its label in the upper left corner.
    """
    drawn = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB) if picture.ndim == 2 else picture.copy()
    high, wide = drawn.shape[:2]
    unit = max(wide, high) / 700
    font = cv2.FontFace(FONT)  # half a second, the first time
    taken: list[Corners] = []
    marks = []
    for face in faces:
        sure = face.confidence >= minimum
        colour = COLOURS[classes.index(face.label) % len(COLOURS)] if sure else GREY
        shade = ImageColor.getrgb(colour)
        left, top, width, height = face.box or (0.0, 0.0, 0.0, 0.0)
        box = (left, top, left + width, top + height)
        if face.box is not None:
            cv2.rectangle(drawn, *_ends(box), shade, round(2 * unit) or 1)
            taken.append(box)
        marks.append((face, box, shade))
    for face, box, shade in marks:
        words = f"{face.shown(minimum)} {face.confidence:.2f}"
        width = face.box[2] if face.box else wide
        size = round(min(max(width / 6, 6 * unit), 18 * unit)) or 6
        pad = size / 5
        x, y, across, down = cv2.getTextSize((wide, high), words, (0, 0), font, size)
        place = label_place(box, (across + 2 * pad, down + 2 * pad), taken, (wide, high))
        taken.append(place)
        cv2.rectangle(drawn, *_ends(place), shade, cv2.FILLED)
        ink = (0, 0, 0) if sum(shade) > LIGHT else (255, 255, 255)
        origin = round(place[0] + pad - x), round(place[1] + pad - y)
        cv2.putText(drawn, words, origin, ink, font, size)
    return drawn


def label_place(
    box: Corners, size: tuple[float, float], taken: Sequence[Corners], picture: tuple[int, int]
) -> Corners:
    """Where a label of this size stands: above or below its box, left or right, inside the picture,
    wherever it covers least of what is taken.
    """
    (wide, high), (left, top, right, below) = size, box
    places = []
    for y in (top - high, below):
        for x in (left, right - wide):
            x = min(max(x, 0.0), max(picture[0] - wide, 0.0))
            y = min(max(y, 0.0), max(picture[1] - high, 0.0))
            places.append((x, y, x + wide, y + high))
    return min(places, key=lambda one: sum(overlap(one, other) for other in taken))


def overlap(one: Corners, other: Corners) -> float:
    """The area that two rectangles share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)


def _ends(corners: Corners) -> tuple[tuple[int, int], tuple[int, int]]:
    """Opposite corners of a rectangle in whole pixels."""
    left, top, right, below = map(round, corners)
    return (left, top), (right, below)
