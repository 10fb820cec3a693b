"""Pictures with the faces that were found, and what they express."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageColor, ImageDraw, ImageFont

from clfer.figures.page import COLOURS, GREY
from clfer.inference.frames import UNSURE, Face

FONT = Path("fonts") / "ttf" / "DejaVuSans.ttf"  # below matplotlib's own data
LIGHT = 330  # of a colour whose letters are black, as the sum of its three values

Corners = tuple[float, float, float, float]  # left, top, right, bottom


def annotated(
    picture: UInt8[np.ndarray, "H W *C"],
    faces: Sequence[Face],
    classes: Sequence[str],
    minimum: float,
) -> UInt8[np.ndarray, "H W 3"]:
    """The picture with a box around each face, its expression and how probable that is; `unsure`
    where it is less so than `minimum`. A face crop has its words in the upper left corner.
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
        place = _placed(_corners(face), (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad), taken, image.size)
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


def _placed(
    box: Corners, size: tuple[float, float], taken: Sequence[Corners], picture: tuple[int, int]
) -> Corners:
    """Where words of this size stand: above or below their box, left or right, inside the picture,
    wherever they cover least of what is taken.
    """
    (wide, high), (left, top, right, below) = size, box
    corners = []
    for y in (top - high, below):
        for x in (left, right - wide):
            x = min(max(x, 0.0), max(picture[0] - wide, 0.0))
            y = min(max(y, 0.0), max(picture[1] - high, 0.0))
            corners.append((x, y, x + wide, y + high))
    return min(corners, key=lambda one: sum(_shared(one, other) for other in taken))


def _shared(one: Corners, other: Corners) -> float:
    """The area that two rectangles share."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(across, 0.0) * max(down, 0.0)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / FONT), size)
