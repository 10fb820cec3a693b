"""Pictures with the faces that were found, and what they express."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageColor, ImageDraw, ImageFont

from clfer.figures.page import COLOURS, GREY
from clfer.inference.predictor import Face

FONT = Path("fonts") / "ttf" / "DejaVuSans.ttf"  # below matplotlib's own data
UNSURE = "unsure"
LIGHT = 330  # of a colour whose letters are black, as the sum of its three values


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
    for face in faces:
        known = face.confidence >= minimum
        shade = COLOURS[classes.index(face.label) % len(COLOURS)] if known else GREY
        words = f"{face.label if known else UNSURE} {face.confidence:.2f}"
        left, top, width, height = face.box or (0.0, 0.0, 0.0, 0.0)
        if face.box is not None:
            corners = (left, top, left + width, top + height)
            draw.rectangle(corners, outline=shade, width=max(round(2 * unit), 1))
        font = _font(round(min(max(width / 6, 9 * unit), 18 * unit)) or 9)
        _label(draw, words, (left, top, height), font, shade, image.size)
    return np.array(image)


def _label(
    draw: ImageDraw.ImageDraw,
    words: str,
    box: tuple[float, float, float],
    font: ImageFont.FreeTypeFont,
    shade: str,
    size: tuple[int, int],
) -> None:
    """Words above the box, or below where there is no room, and never outside of the picture."""
    left, top, height = box
    x0, y0, x1, y1 = draw.textbbox((0, 0), words, font=font)
    pad = font.size / 5
    wide, high = x1 - x0 + 2 * pad, y1 - y0 + 2 * pad
    x = min(max(left, 0.0), max(size[0] - wide, 0.0))
    y = top - high if top >= high else top + height
    y = min(max(y, 0.0), max(size[1] - high, 0.0))
    draw.rectangle((x, y, x + wide, y + high), fill=shade)
    ink = "black" if sum(ImageColor.getrgb(shade)) > LIGHT else "white"
    draw.text((x + pad - x0, y + pad - y0), words, font=font, fill=ink)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / FONT), size)
