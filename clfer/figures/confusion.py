"""Confusion matrices: which classes the images of each class are taken for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from jaxtyping import Int
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from clfer.figures.style import WIDTH, heading, heat_map, page, panels, whole
from clfer.scoring.counts import accuracy

CAPTION = (
    "Confusion matrices on the test images, counted over all seeds: rows are the actual class, "
    "columns the predicted one, and a cell is the share of its row in percent, so that the "
    "diagonal holds the recall of each class."
)
SHARE = "share of the actual class (%)"
CELL, LEAST = 0.6, 3.0  # inches: the side of a cell, the least side of a matrix
LETTERS_PER_INCH = 13
IN_A_ROW = 3  # matrices

Counts = Int[np.ndarray, "C C"]  # rows are actual classes, columns predicted ones


def draw(counts: Counts, classes: Sequence[str], title: str, path: Path) -> None:
    """One matrix: shade and percentage are shares of the row, below them the number of images.

    A cell without images stays blank, and so does the row of an absent class.
    """
    side = max(CELL * len(classes), LEAST)
    totals = counts.sum(axis=1)
    rows = [f"{one} ({total:,})" for one, total in zip(classes, totals, strict=True)]
    with page(path, side + 2.6, side + 1.1) as figure:
        axes = figure.add_subplot()
        image = _matrix(axes, counts, classes, rows, 8, lambda share, n: f"{share}%\n{n:,}")
        figure.colorbar(image, ax=axes, fraction=0.04, label=SHARE)
        axes.set_title(fill(title, int(side * LETTERS_PER_INCH)))
        axes.set_ylabel("actual (images)")


def draw_several(
    counts: Mapping[str, Counts],
    seeds: Mapping[str, int],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """The matrix of each variant, summed over its number of `seeds`, side by side and with shades
    on one scale (Fig. 6).
    """
    rows = -(-len(counts) // IN_A_ROW)
    columns = -(-len(counts) // rows)
    side = (WIDTH - 1.6) / max(columns, 2)
    with page(path, 1.6 + columns * side, 0.4 + rows * (side + 0.9)) as figure:
        heading(figure, title)
        grid = panels(figure, len(counts), columns, sharey=True)
        for place, (name, one) in enumerate(counts.items()):
            axes, number = grid[place], f"{seeds[name]} seed{'s' * (seeds[name] != 1)}"
            image = _matrix(axes, one, classes, classes, 7, lambda share, _: share)
            axes.set_title(f"{name}\n{100 * accuracy(one):.1f} % right, {number}", fontsize=9)
            axes.tick_params(labelsize=8)
            axes.set_ylabel("" if place % columns else "actual")
        figure.colorbar(image, ax=grid, fraction=0.04, aspect=30, label=SHARE)


def _matrix(
    axes: Axes,
    counts: Counts,
    columns: Sequence[str],
    rows: Sequence[str],
    size: int,
    words: Callable[[str, int], str],
) -> AxesImage:
    """Shares of each row, with `words` of share and count where there are images."""
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def text(row: int, column: int) -> str:
        count = int(counts[row, column])
        return words(whole(percent[row, column]), count) if count else ""

    axes.set_xlabel("predicted")
    return heat_map(axes, percent, columns, rows, size, text)
