"""How strongly the loss teaches each block, and each semantic group of one (Fig. 1a, 5)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import LogLocator

from clfer.figures.curves import BASELINE, curves, legend
from clfer.figures.page import WIDTH, Stroke, heading, page, strokes

CAPTION = (
    "Learning intensity over the epochs: the norm of the gradient of an image's loss with respect "
    "to the features of each block, averaged over the training images, on a logarithmic axis; "
    "thin lines are seeds, bold ones their mean."
)
GROUPS = (
    " Right, the same with respect to a single channel of block {block}, averaged over the "
    "channels of a semantic group: those that resemble the same deep channels, ordered by where on "
    "the face these respond."
)
IN_A_ROW = 2

Histories = Mapping[str, Sequence[pl.DataFrame]]


def blocks(history: pl.DataFrame) -> list[str]:
    """The columns that tell of blocks, the shallowest first."""
    return [column for column in history.columns if re.fullmatch(r"gradient_\d+", column)]


def groups(history: pl.DataFrame, block: int) -> list[str]:
    """The columns that tell of a block's semantic groups, from the top of the face to its bottom;
    none for the deepest block, nor in a history of before these were recorded.
    """
    pattern = rf"gradient_{block}_group_\d+"
    return [column for column in history.columns if re.fullmatch(pattern, column)]


def draw(histories: Histories, block: int | None, title: str, path: Path) -> None:
    """Draw the `history.csv` frames of each variant, a frame per seed: left a panel for each block,
    right one for each semantic group of `block`, which is left out where that is None.

    All frames have the columns of the first one.
    """
    looks = strokes(list(histories), BASELINE)
    first = next(iter(histories.values()))[0]
    left = {f"block {j}": column for j, column in enumerate(blocks(first), start=1)}
    right = {} if block is None else _groups(groups(first, block))
    rows = -(-max(len(left), len(right)) // IN_A_ROW)
    with page(path, WIDTH, 1.0 + 1.4 * rows) as figure:
        heading(figure, title)
        halves = figure.subfigures(1, 2 if right else 1, squeeze=False, wspace=0.03)[0]
        panels(halves[0], "gradient norm of a block", histories, left, looks)
        if right:
            what = f"gradient norm of a channel of block {block}"
            panels(halves[1], what, histories, right, looks)
        legend(figure, looks)


def panels(
    half: SubFigure,
    title: str,
    histories: Histories,
    columns: Mapping[str, str],
    looks: Mapping[str, Stroke],
) -> None:
    """A panel for each column under its name, on one logarithmic axis; numbers stand at the outer
    ones.
    """
    half.suptitle(title, x=0.03, ha="left", fontsize=9)
    grid = half.subplots(
        -(-len(columns) // IN_A_ROW), IN_A_ROW, squeeze=False, sharex=True, sharey=True
    )
    for axes, (name, column) in zip(grid.ravel(), columns.items(), strict=False):
        curves(axes, histories, column, looks)
        _frame(axes, name)
    for axes in grid.ravel()[len(columns) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("epoch")


def _frame(axes: Axes, name: str) -> None:
    axes.set_title(name, fontsize=9)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.tick_params(labelsize=8)


def _groups(columns: Sequence[str]) -> dict[str, str]:
    """Each group's column under its name, which says where its ends are."""
    ends = {1: " (top)", len(columns): " (bottom)"}
    return {f"group {k}{ends.get(k, '')}": c for k, c in enumerate(columns, start=1)}
