"""A face where it was found: in the whole picture among others, and close."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from clfer.figures.page import BLACK, COLOURS

CLOSE = 1.8  # sides of the box that are shown of a close face
MEANT, OTHER = COLOURS[4], "white"
ROOM = 0.06  # of the picture's height, for a number
BEYOND = "#eeeeee"  # the picture's border


class Place(NamedTuple):
    """Where a face is in its picture, in pixels.

    boxes:     left, top, width, height of all faces found, from left to right; empty where none
               were looked for
    chosen:    which of them is meant
    landmarks: of that one
    """

    picture: UInt8[np.ndarray, "H W *C"]
    boxes: Float[np.ndarray, "F 4"]
    chosen: int
    landmarks: Float[np.ndarray, "5 2"] | None


def whole(axes: Axes, place: Place) -> None:
    """The picture with a box around each face, numbered from 1 where there are several."""
    height, width = place.picture.shape[:2]
    _picture(axes, place)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for number, box in enumerate(place.boxes):
        meant = number == place.chosen
        _frame(axes, box, MEANT if meant else OTHER, 1.2 if meant else 0.6)
        if len(place.boxes) > 1:
            _number(axes, box, number + 1, MEANT if meant else OTHER)


def close(axes: Axes, place: Place) -> None:
    """The face with its box and landmarks; nothing where none was looked for."""
    if place.landmarks is None:
        return
    left, top, width, height = place.boxes[place.chosen]
    across, down = left + width / 2, top + height / 2
    half = CLOSE * max(width, height) / 2
    _picture(axes, place)
    _frame(axes, place.boxes[place.chosen], MEANT, 1.2)
    axes.plot(*place.landmarks.T, "o", color=MEANT, markersize=4, markeredgecolor=BLACK)
    axes.set(xlim=(across - half, across + half), ylim=(down + half, down - half))
    axes.set_facecolor(BEYOND)


def _picture(axes: Axes, place: Place) -> None:
    axes.imshow(place.picture, cmap="gray", vmin=0, vmax=255)


def _frame(axes: Axes, box: Float[np.ndarray, "4"], colour: str, line: float) -> None:
    """A rectangle with a dark rim, to be seen on any picture."""
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
