"""Faces in their pictures: annotated photos, and the panels of one face."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image, ImageColor, ImageDraw, ImageFont

from clfer.figures.style import BLACK, COLOURS, GREY
from clfer.inference.predictor import UNSURE, Face

FONT = Path("fonts") / "ttf" / "DejaVuSans.ttf"  # below matplotlib's own data
LIGHT = 330  # of a colour whose letters are black, as the sum of its three values

CLOSE = 1.8  # sides of the box that are shown of a close face
CHOSEN, OTHER, BORDER = COLOURS[4], "white", "#eeeeee"
ROOM = 0.06  # of the picture's height, for a number

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
    image = Image.fromarray(picture).convert("RGB")
    draw = ImageDraw.Draw(image)
    unit = max(image.width, image.height) / 700
    taken = [_corners(face) for face in faces if face.box is not None]
    for corners, face in zip(taken, faces, strict=False):
        draw.rectangle(corners, outline=_shade(face, classes, minimum), width=round(2 * unit) or 1)
    for face in faces:
        words = f"{face.label if face.confidence >= minimum else UNSURE} {face.confidence:.2f}"
        width = face.box[2] if face.box else image.width
        font = _font(round(min(max(width / 6, 6 * unit), 18 * unit)) or 6)
        pad = font.size / 5
        x0, y0, x1, y1 = draw.textbbox((0, 0), words, font=font)
        size = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
        place = _label_place(_corners(face), size, taken, image.size)
        taken.append(place)
        shade = _shade(face, classes, minimum)
        draw.rectangle(place, fill=shade)
        ink = "black" if sum(ImageColor.getrgb(shade)) > LIGHT else "white"
        draw.text((place[0] + pad - x0, place[1] + pad - y0), words, font=font, fill=ink)
    return np.array(image)


def _shade(face: Face, classes: Sequence[str], minimum: float) -> str:
    known = face.confidence >= minimum
    return COLOURS[classes.index(face.label) % len(COLOURS)] if known else GREY


def _corners(face: Face) -> Corners:
    left, top, width, height = face.box or (0.0, 0.0, 0.0, 0.0)
    return left, top, left + width, top + height


def _label_place(
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
    return min(places, key=lambda one: sum(_overlap(one, other) for other in taken))


def _overlap(one: Corners, other: Corners) -> float:
    """The area that two rectangles share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / FONT), size)


class FacePlace(NamedTuple):
    """Where a face is in its picture, in pixels.

    boxes:     left, top, width, height of all detected faces, from left to right; empty without
               detection
    chosen:    the index of this one
    landmarks: of this one; None without detection
    """

    picture: UInt8[np.ndarray, "H W *C"]
    boxes: Float[np.ndarray, "F 4"]
    chosen: int
    landmarks: Float[np.ndarray, "5 2"] | None


def draw_picture(axes: Axes, place: FacePlace) -> None:
    """The picture with a box around each face, numbered from 1 where there are several."""
    height, width = place.picture.shape[:2]
    axes.imshow(place.picture, cmap="gray", vmin=0, vmax=255)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for number, box in enumerate(place.boxes):
        chosen = number == place.chosen
        _box(axes, box, CHOSEN if chosen else OTHER, 1.2 if chosen else 0.6)
        if len(place.boxes) > 1:
            _number(axes, box, number + 1, CHOSEN if chosen else OTHER)


def draw_close(axes: Axes, place: FacePlace) -> None:
    """The face with its box and landmarks; nothing without detection."""
    if place.landmarks is None:
        return
    left, top, width, height = place.boxes[place.chosen]
    across, down = left + width / 2, top + height / 2
    half = CLOSE * max(width, height) / 2
    axes.imshow(place.picture, cmap="gray", vmin=0, vmax=255)
    _box(axes, place.boxes[place.chosen], CHOSEN, 1.2)
    axes.plot(*place.landmarks.T, "o", color=CHOSEN, markersize=4, markeredgecolor=BLACK)
    axes.set(xlim=(across - half, across + half), ylim=(down + half, down - half))
    axes.set_facecolor(BORDER)


def _box(axes: Axes, box: Float[np.ndarray, "4"], colour: str, line: float) -> None:
    """A rectangle with a dark rim, visible on any picture."""
    for shade, width in ((BLACK, line + 1.2), (colour, line)):
        corner, size = (box[0], box[1]), (box[2], box[3])
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=shade, linewidth=width))


def _number(axes: Axes, box: Float[np.ndarray, "4"], number: int, colour: str) -> None:
    """A number at a left corner of a box: above it, or below it at the picture's upper border."""
    above = box[1] > ROOM * axes.get_ylim()[0]
    axes.annotate(
        str(number),
        (box[0], box[1] if above else box[1] + box[3]),
        (0, 2 if above else -2),
        textcoords="offset points",
        va="bottom" if above else "top",
        fontsize=6,
        color=BLACK,
        annotation_clip=True,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": colour, "linewidth": 0},
    )
