"""One page about one face: probabilities, attention maps, and what each block adds."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from clfer.explanation import BLOCK, Reasons
from clfer.figures import style
from clfer.figures.features import colour_bar, over, tiles
from clfer.figures.palette import BLACK, COLOURS, FAINT, GREY
from clfer.report.numbers import short

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
WIDTH = 32 / 3  # inches: 1600 pixels
HEIGHTS = (3.2, 3.4, 3.5)  # inches of the three parts
ALPHA = 0.7  # of a map over the face
TINY, SMALL, LARGE, PART = 7.5, 8.0, 9.0, 10.0  # points
LONGEST = 30  # letters of the name of a class in a sentence
LETTERS, MOST = 18, 9  # letters of a line of it at its bar; classes that have room for two lines
WIDE = 170  # small letters of a line across the page

CLOSE = 1.8  # sides of the box that are shown of a close face
CHOSEN, OTHER = COLOURS[4], "white"


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


def draw(
    place: FacePlace, reasons: Reasons, classes: Sequence[str], title: str, about: str, path: Path
) -> None:
    """Draw the picture, the face as the network sees it, the probabilities, where each block
    looked, and the semantic groups of a block, 1600 pixels wide.

    about: a line below the title, such as what the model is
    """
    with style.page(path, WIDTH, sum(HEIGHTS) + 0.3) as figure:
        figure.get_layout_engine().set(w_pad=0.1, h_pad=0.07)  # type: ignore[union-attr,call-arg]
        style.heading(figure, title, size=11)
        parts = figure.subfigures(3, 1, squeeze=False, height_ratios=HEIGHTS)
        upper, middle, lower = parts[:, 0]
        upper.suptitle(fill(about, WIDE), x=0.01, ha="left", fontsize=TINY, color=FAINT)
        _draw_face(upper, place, reasons, classes)
        _draw_maps(middle, reasons, classes)
        _draw_groups(lower, reasons)


def _caption(part: SubFigure, words: str) -> None:
    text = fill(words, WIDE)
    part.supxlabel(text, x=0.01, ha="left", multialignment="left", fontsize=TINY, color=FAINT)


def _draw_face(part: SubFigure, place: FacePlace, reasons: Reasons, classes: Sequence[str]) -> None:
    """The picture, the face in it, the face as it is seen, and the probabilities."""
    height, width = place.picture.shape[:2]
    broad = float(np.clip(width / height, 0.7, 1.35))
    ratios = [broad, 1, 1, 1] if place.landmarks is not None else [broad, 1, 1.6]
    first, *close, seen, bars = part.subplots(1, len(ratios), width_ratios=ratios)
    draw_picture(first, place)
    first.set_title(f"picture: {width} x {height}", fontsize=LARGE)
    for axes in close:
        draw_close(axes, place)
        axes.set_title("face and landmarks", fontsize=LARGE)
    style.picture(seen, reasons.face)
    side = len(reasons.face)
    seen.set_title(f"as the network sees it: {side} x {side}", fontsize=LARGE)
    for axes in (first, *close, seen):
        axes.set_anchor("NW")
    _draw_bars(bars, reasons, classes)


def draw_picture(axes: Axes, place: FacePlace) -> None:
    """The picture with a box around each face, numbered from 1 where there are several."""
    height, width = place.picture.shape[:2]
    style.picture(axes, place.picture)
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    for number, (left, top, _, down) in enumerate(place.boxes.tolist()):
        colour = CHOSEN if number == place.chosen else OTHER
        _box(axes, place.boxes[number], colour)
        if len(place.boxes) > 1:
            above = top > 0.06 * height  # else there is no room, and the number stands below
            axes.annotate(
                str(number + 1),
                (left, top if above else top + down),
                (0, 2 if above else -2),
                textcoords="offset points",
                va="bottom" if above else "top",
                fontsize=6,
                annotation_clip=True,
                bbox={"boxstyle": "square,pad=0.1", "facecolor": colour, "linewidth": 0},
            )


def draw_close(axes: Axes, place: FacePlace) -> None:
    """The face with its box and landmarks."""
    assert place.landmarks is not None
    left, top, width, height = place.boxes[place.chosen]
    across, down = left + width / 2, top + height / 2
    half = CLOSE * max(width, height) / 2
    style.picture(axes, place.picture)
    _box(axes, place.boxes[place.chosen], CHOSEN)
    axes.plot(*place.landmarks.T, "o", color=CHOSEN, markersize=4, markeredgecolor=BLACK)
    axes.set(xlim=(across - half, across + half), ylim=(down + half, down - half))
    axes.set_facecolor("#eeeeee")  # where the picture ends


def _box(axes: Axes, box: Float[np.ndarray, "4"], colour: str) -> None:
    """A rectangle with a dark rim, visible on any picture."""
    line = 1.2 if colour == CHOSEN else 0.6
    for shade, width in ((BLACK, line + 1.2), (colour, line)):
        corner, size = (box[0], box[1]), (box[2], box[3])
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=shade, linewidth=width))


def _draw_bars(axes: Axes, reasons: Reasons, classes: Sequence[str]) -> None:
    """The probability of each class: the highest in colour, hatched what is explained instead."""
    names = [short(name, 2 * LETTERS) for name in classes]
    if len(names) <= MOST:
        names = [fill(name, LETTERS, max_lines=2, placeholder="…") for name in names]
    pitch = 150 / len(names)  # points from one bar to the next
    size = min(LARGE, (0.38 if any("\n" in name for name in names) else 0.75) * pitch)
    percent = 100 * reasons.probabilities
    best = int(percent.argmax())
    bars = axes.barh(range(len(names)), percent, height=0.7, color=GREY)
    bars[best].set(color=COLOURS[0])
    if reasons.explained != best:
        bars[reasons.explained].set(hatch="////", facecolor="white", edgecolor=COLOURS[1])
    written = axes.bar_label(
        bars, [f"{one:.1f} %" for one in percent], padding=3, fontsize=min(SMALL, 0.75 * pitch)
    )
    for k in {best, reasons.explained}:
        written[k].set_fontweight("bold")
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set(xlim=(0, 125), ylim=(len(names) - 0.4, -0.6), xticks=[0, 50, 100])
    axes.tick_params(axis="x", labelsize=SMALL)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_title("probability in %", fontsize=LARGE)


def _draw_maps(part: SubFigure, reasons: Reasons, classes: Sequence[str]) -> None:
    """The maps over the face, beside each other."""
    best, name = int(reasons.probabilities.argmax()), short(classes[reasons.explained], LONGEST)
    differs = reasons.explained != best
    other = f", where it predicts {short(classes[best], LONGEST)}" if differs else ""
    style.heading(part, f"Where it looked for {name}{other}")
    deepest = "" if reasons.deepest is None else "; beside it Grad-CAM of the deepest block"
    weights = NO_WEIGHTS if reasons.mu is None else WEIGHTS
    _caption(part, MAPS.format(name=name, deepest=deepest) + weights)
    maps = list(_maps(reasons))
    grid = part.subplots(1, len(maps), squeeze=False)[0]
    for axes, (lines, values) in zip(grid, maps, strict=True):
        style.picture(axes, over(reasons.face, values, ALPHA))
        axes.set_title("\n".join(lines), fontsize=SMALL)
    colour_bar(grid[-1], 1, "share of its highest")


def _maps(reasons: Reasons) -> Iterator[tuple[list[str], Float[np.ndarray, "S S"]]]:
    """Each block's map, and what checks it, with the lines above it."""
    for j, (values, grid) in enumerate(zip(reasons.attention, reasons.grids, strict=True)):
        lines = [f"block {j + 1}: {grid[0]} x {grid[1]}"]
        if reasons.mu is not None and reasons.shares is not None:
            lines += [f"μ = {reasons.mu[j]:.2f}", f"adds {signed(float(reasons.shares[j]))}"]
        yield lines, values
    if reasons.deepest is not None:
        yield [f"block {len(reasons.grids)}: Grad-CAM"], reasons.deepest
    most = f"{reasons.fall:.2f} of {signed(reasons.logit)}" if reasons.fall > 0 else "nothing"
    yield ["covered by a patch:", f"takes {most}"], reasons.covered


def _draw_groups(part: SubFigure, reasons: Reasons) -> None:
    """The strongest channels of each semantic group, in two rows."""
    rows, columns = reasons.grids[BLOCK - 1]
    style.heading(part, f"Semantic groups of block {BLOCK}: {rows} x {columns}")
    _caption(part, GROUPS.format(block=BLOCK))
    groups, count = reasons.groups.shape[:2]
    across = -(-count // 2)
    grid = part.subplots(1, groups, squeeze=False, gridspec_kw={"wspace": 0.15})[0]
    names = style.group_names(groups)
    for axes, name, size, maps in zip(grid, names, reasons.sizes, reasons.groups, strict=True):
        pictures = np.ones((2 * across, *reasons.face.shape))
        for n, one in enumerate(maps):
            if not np.isnan(one).any():
                pictures[n] = over(reasons.face, one, ALPHA)
        tiles(axes, pictures.reshape(2, across, *reasons.face.shape))
        axes.set_title(f"{name}: {size} channel{'s' * (size != 1)}", fontsize=SMALL, color=FAINT)


def signed(value: float) -> str:
    """A number with its sign, of zero no minus."""
    return f"{round(value, 2) + 0.0:+.2f}"
