"""One page about one face: probabilities, attention maps, and what each block adds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill, wrap
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clfer.explanation.layers import BLOCK, Reasons
from clfer.figures.faces import FacePlace, draw_close, draw_picture
from clfer.figures.maps import coloured, scale
from clfer.figures.style import COLOURS, FAINT, GREY, literal, page, short

MAPS = (
    "Bright: what the block sees there raises the logit of {name} (LayerCAM{deepest}). On the "
    "right what a grey patch around each point takes from that logit (above, at most): a test that "
    "needs no gradient. Each map is scaled by its own highest value, so brightness cannot be "
    "compared between maps, and is no finer than its grid."
)
WEIGHTS = (
    " μ: the block's weight in MSR (eq. 8). adds: its part of the logit; the parts and a bias make "
    "up the prediction. Logits are less the mean of all classes."
)
NO_WEIGHTS = " This network has no MSR, and so no weights of its blocks."
GROUPS = (
    "Channels of block {block} over the face, the strongest of each group; scaled from their own "
    "lowest to their own highest response. A channel belongs to the group of channels of the "
    "deepest block whose strongest responses lie most like its own; groups stand from the top down."
)
ALPHA = 0.7  # of a map over the face

# Inches.
WIDTH = 32 / 3  # 1600 pixels
EDGE, GAP, NARROW = 0.2, 0.15, 0.05
HEAD, NAME, LINE = 0.62, 0.26, 0.155  # title of the page, of a part, a line of small letters
PICTURE, LEAST, FACE = 2.9, 1.5, 2.15
BAR, ROOM = 0.12, 0.65  # the colour bar, and it with its numbers
CHANNEL, BETWEEN = 1.06, 0.4
LETTER, NUMBER = 0.075, 0.5  # of the name of a class; a percentage
LETTERS, MOST = 18, 9  # letters of a line of that name; classes that have room for two lines
AROUND = 0.42  # below the upper part
WIDE = 185  # letters of a line across the page
LONGEST = 30  # of the name of a class in a line
TINY, SMALL, LARGE, PART, PAGE = 7.5, 8.0, 9.0, 10.0, 11.0  # points


class _Sheet:
    """A page on which places are inches from its upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def box(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """A box as matplotlib takes it."""
        up = 1 - (top + height) / self.height
        return left / self.width, up, width / self.width, height / self.height

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Room for a picture, which stands in its upper left."""
        axes = self.figure.add_axes(self.box(left, top, width, height), anchor="NW")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes

    def write(self, left: float, top: float, words: str, size: float, bold: bool = False) -> None:
        """Lines below a height; bold, or faint."""
        self.figure.text(
            left / self.width,
            1 - top / self.height,
            literal(words),
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color="black" if bold else FAINT,
            va="top",
        )


class _Map(NamedTuple):
    """A map over the face, and the lines above it."""

    lines: list[str]
    values: Float[np.ndarray, "S S"]


def draw(
    place: FacePlace, reasons: Reasons, classes: Sequence[str], title: str, about: str, path: Path
) -> None:
    """Draw the picture, the face as the network sees it, the probabilities, where each block
    looked, and the semantic groups of a block, 1600 pixels wide.

    about: a line below the title, such as what the model is
    """
    maps = list(_maps(reasons))
    side = (WIDTH - 2 * EDGE - ROOM - (len(maps) - 1) * GAP) / len(maps)
    attention = HEAD + NAME + FACE + AROUND
    words = wrap(_said(reasons, short(classes[reasons.explained], LONGEST)), WIDE)
    lines = max(len(one.lines) for one in maps)
    groups = attention + NAME + lines * LINE + side + (len(words) + 2) * LINE
    height = groups + NAME + 2 * LINE + 2 * CHANNEL + 4 * LINE
    with page(path, WIDTH, height) as figure:
        figure.set_layout_engine("none")  # all sizes are known
        sheet = _Sheet(figure, WIDTH, height)
        sheet.write(EDGE, 0.15, title, PAGE, True)
        sheet.write(EDGE, 0.36, "\n".join(wrap(about, WIDE)), TINY)
        _upper(sheet, place, reasons, classes)
        sheet.write(EDGE, attention, _question(reasons, classes), PART, True)
        _attention(sheet, reasons, maps, side, attention + NAME + lines * LINE)
        sheet.write(EDGE, groups - (len(words) + 1.5) * LINE, "\n".join(words), TINY)
        _groups(sheet, reasons, groups)


def _upper(sheet: _Sheet, place: FacePlace, reasons: Reasons, classes: Sequence[str]) -> None:
    """The picture, the face in it, the face as it is seen, and the probabilities."""
    top, left = HEAD + NAME, EDGE
    height, width = place.picture.shape[:2]
    broad = min(max(FACE * width / height, LEAST), PICTURE)
    axes = sheet.panel(left, top, broad, FACE)
    draw_picture(axes, place)
    axes.set_title(f"picture: {width} x {height}", fontsize=LARGE)
    left += broad + GAP
    if place.landmarks is not None:
        axes = sheet.panel(left, top, FACE, FACE)
        draw_close(axes, place)
        axes.set_title("face and landmarks", fontsize=LARGE)
        left += FACE + GAP
    axes = sheet.panel(left, top, FACE, FACE)
    axes.imshow(reasons.face)
    axes.set_title(
        f"as the network sees it: {len(reasons.face)} x {len(reasons.face)}", fontsize=LARGE
    )
    left += FACE + GAP
    names = [_named(one, len(classes)) for one in classes]
    pitch = 72 * FACE / len(names)  # points from one bar to the next
    size = min(SMALL, 0.38 * pitch) if any("\n" in name for name in names) else 0.75 * pitch
    letters = max(len(line) for name in names for line in name.split("\n"))
    left += LETTER * min(size / LARGE, 1) * letters + 0.1
    axes = sheet.figure.add_axes(sheet.box(left, top, WIDTH - EDGE - NUMBER - left, FACE))
    _bars(axes, reasons, names, min(SMALL, 0.75 * pitch))
    axes.tick_params(axis="y", labelsize=min(LARGE, size), length=0)


def _bars(axes: Axes, reasons: Reasons, names: Sequence[str], size: float) -> None:
    """The probability of each class: the highest in colour, hatched what is explained instead."""
    percent = 100 * reasons.probabilities
    best = int(percent.argmax())
    places = range(len(names))
    bars = axes.barh(places, percent, height=0.7, color=GREY)
    bars[best].set(color=COLOURS[0])
    if reasons.explained != best:
        bars[reasons.explained].set(hatch="////", facecolor="white", edgecolor=COLOURS[1])
    for k in places:
        axes.annotate(
            f"{percent[k]:.1f} %",
            (percent[k], k),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=size,
            fontweight="bold" if k in (best, reasons.explained) else "normal",
        )
    axes.set_yticks(places, [literal(name) for name in names])
    axes.set(xlim=(0, 100), ylim=(len(names) - 0.4, -0.6), xticks=[0, 50, 100])
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.grid(axis="x")
    axes.set_title("probability in %", fontsize=LARGE)


def _named(name: str, classes: int) -> str:
    """A name in two lines, or in one where there are many classes."""
    if classes > MOST:
        return short(name, 2 * LETTERS)
    return fill(short(name, 2 * LETTERS), LETTERS, max_lines=2, placeholder="…")


def _maps(reasons: Reasons) -> Iterator[_Map]:
    """Each block's map, and what checks it."""
    for j, (values, grid) in enumerate(zip(reasons.attention, reasons.grids, strict=True)):
        lines = [f"block {j + 1}: {grid[0]} x {grid[1]}"]
        if reasons.mu is not None and reasons.shares is not None:
            lines += [f"μ = {reasons.mu[j]:.2f}", f"adds {signed(float(reasons.shares[j]))}"]
        yield _Map(lines, values)
    if reasons.deepest is not None:
        yield _Map([f"block {len(reasons.grids)}: Grad-CAM"], reasons.deepest)
    most = (
        f"takes {reasons.fall:.2f} of {signed(reasons.logit)}"
        if reasons.fall > 0
        else "takes nothing"
    )
    yield _Map(["covered by a patch:", most], reasons.covered)


def _attention(
    sheet: _Sheet, reasons: Reasons, maps: Sequence[_Map], side: float, top: float
) -> None:
    """The maps over the face, beside each other."""
    for j, one in enumerate(maps):
        axes = sheet.panel(EDGE + j * (side + GAP), top, side, side)
        axes.imshow(_over(reasons.face, one.values))
        axes.set_title(literal("\n".join(one.lines)), fontsize=SMALL)
    left = EDGE + len(maps) * (side + GAP)
    scale(sheet.figure, sheet.box(left, top, BAR, side), "share of its highest")


def _question(reasons: Reasons, classes: Sequence[str]) -> str:
    best = int(reasons.probabilities.argmax())
    other = (
        "" if reasons.explained == best else f", where it predicts {short(classes[best], LONGEST)}"
    )
    return f"Where it looked for {short(classes[reasons.explained], LONGEST)}{other}"


def _said(reasons: Reasons, name: str) -> str:
    deepest = "" if reasons.deepest is None else "; beside it Grad-CAM of the deepest block"
    return MAPS.format(name=name, deepest=deepest) + (NO_WEIGHTS if reasons.mu is None else WEIGHTS)


def _groups(sheet: _Sheet, reasons: Reasons, top: float) -> None:
    """The strongest channels of each semantic group, in two rows."""
    rows, columns = reasons.grids[BLOCK - 1]
    sheet.write(EDGE, top, f"Semantic groups of block {BLOCK}: {rows} x {columns}", PART, True)
    groups, count = reasons.groups.shape[:2]
    step, across = CHANNEL + NARROW, -(-count // 2)
    ends = {0: " (top)", groups - 1: " (bottom)"}
    below = top + NAME + LINE + 0.05
    for k in range(groups):
        left = EDGE + k * (across * step + BETWEEN)
        said = f"group {k + 1}{ends.get(k, '')}: {reasons.sizes[k]} channels"
        sheet.write(left, top + NAME, said, SMALL)
        for n, one in enumerate(reasons.groups[k]):
            row, column = divmod(n, across)
            axes = sheet.panel(left + column * step, below + row * step, CHANNEL, CHANNEL)
            if not np.isnan(one).any():
                axes.imshow(_over(reasons.face, one))
    words = "\n".join(wrap(GROUPS.format(block=BLOCK), WIDE))
    sheet.write(EDGE, below + 2 * step + 0.05, words, TINY)


def _over(
    face: Float[np.ndarray, "S S 3"], values: Float[np.ndarray, "S S"]
) -> Float[np.ndarray, "S S 3"]:
    """A map in colours over the face in grey."""
    grey = face.mean(axis=-1, keepdims=True)
    mixed: Float[np.ndarray, "S S 3"] = (1 - ALPHA) * grey + ALPHA * coloured(values)
    return mixed


def signed(value: float) -> str:
    """A number with its sign, of zero no minus."""
    return f"{round(value, 2) + 0.0:+.2f}"
