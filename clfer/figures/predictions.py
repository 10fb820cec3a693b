"""Pictures of predictions: photos with boxes and labels, and a video's expressions over time."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.ticker import FuncFormatter, MaxNLocator
from PIL import Image, ImageColor, ImageDraw, ImageFont

from clfer.figures.style import COLOURS, FAINT, GREY, WIDTH, page
from clfer.inference.predictor import Face

LIGHT = 330  # of a colour whose letters are black, as the sum of its three values
BINS = 512
NARROWEST = 0.04  # seconds of a bin

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
    boxes = [face.box or (0.0, 0.0, 0.0, 0.0) for face in faces]
    corners = [(left, top, left + width, top + height) for left, top, width, height in boxes]
    shades = [
        COLOURS[classes.index(face.label) % len(COLOURS)] if face.confidence >= minimum else GREY
        for face in faces
    ]
    taken: list[Corners] = []
    for face, box, shade in zip(faces, corners, shades, strict=True):
        if face.box is not None:
            draw.rectangle(box, outline=shade, width=round(2 * unit) or 1)
            taken.append(box)
    for face, box, shade in zip(faces, corners, shades, strict=True):
        words = f"{face.shown(minimum)} {face.confidence:.2f}"
        width = face.box[2] if face.box else image.width
        font = _font(round(min(max(width / 6, 6 * unit), 18 * unit)) or 6)
        pad = font.size / 5
        x0, y0, x1, y1 = draw.textbbox((0, 0), words, font=font)
        place = label_place(box, (x1 - x0 + 2 * pad, y1 - y0 + 2 * pad), taken, image.size)
        taken.append(place)
        draw.rectangle(place, fill=shade)
        ink = "black" if sum(ImageColor.getrgb(shade)) > LIGHT else "white"
        draw.text((place[0] + pad - x0, place[1] + pad - y0), words, font=font, fill=ink)
    return np.array(image)


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


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)


class Timeline:
    """Sums over the frames of each of at most BINS bins, `width` seconds each.

    step: seconds from one frame to the next. A bin holds two frames or more, so that none is empty
    where times are rounded; it is doubled whenever the video turns out longer than all bins, so
    that memory does not grow with its length.
    """

    def __init__(self, classes: Sequence[str], step: float) -> None:
        self.classes = tuple(classes)
        self.width = max(NARROWEST, 2 * step)
        self._sums = np.zeros((BINS, 2 + len(classes)))  # frames, faces, probabilities
        self._used = 0

    def add(self, seconds: float, faces: Sequence[Face]) -> None:
        """One more frame, with the faces in it."""
        while seconds >= BINS * self.width:
            pairs = self._sums[0::2] + self._sums[1::2]
            self._sums = np.concatenate([pairs, np.zeros_like(pairs)])
            self.width *= 2
            self._used = (self._used + 1) // 2
        place = int(seconds / self.width)
        self._used = max(self._used, place + 1)
        self._sums[place, :2] += (1, len(faces))
        for face in faces:
            self._sums[place, 2:] += [face.probability[name] for name in self.classes]

    @property
    def probability(self) -> Float[np.ndarray, "T K"]:
        """The mean over the faces of each bin; NaN where there is none."""
        return _ratio(self._sums[: self._used, 2:], self._sums[: self._used, 1:2])

    @property
    def faces(self) -> Float[np.ndarray, " T"]:
        """Mean number of faces in a frame of each bin; NaN where there is no frame."""
        return _ratio(self._sums[: self._used, 1], self._sums[: self._used, 0])

    def draw(self, title: str, path: Path) -> None:
        """Stacked mean probabilities of the classes over time, and the number of faces below; a gap
        where there is no face.
        """
        tops = np.cumsum(np.pad(self.probability, ((0, 0), (1, 0))), axis=1).T
        edges = np.arange(self._used + 1) * self.width
        with page(path, WIDTH, 4.2) as figure:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
            for k, name in enumerate(self.classes):
                colour = COLOURS[k % len(COLOURS)]
                look = {"fill": True, "color": colour, "label": name, "lw": 0}
                upper.stairs(tops[k + 1], edges, baseline=tops[k], **look)
            upper.set(ylim=(0, 1), ylabel="mean probability", title=title)
            lower.stairs(np.nan_to_num(self.faces), edges, color=FAINT)
            lower.set(xlim=(0, edges[-1]), xlabel="time (min:s)", ylabel="faces")
            lower.set_ylim(bottom=0)
            lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            lower.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _clock(at)))
            figure.legend(*upper.get_legend_handles_labels(), loc="outside right upper")


def _ratio(
    sums: Float[np.ndarray, "T *K"], counts: Float[np.ndarray, "T *L"]
) -> Float[np.ndarray, "T *K"]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:02.0f}" if rest == int(rest) else f"{minutes:.0f}:{rest:04.1f}"
