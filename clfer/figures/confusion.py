"""Confusion matrices: which classes the images of each class are taken for."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from clfer.figures.style import WIDTH, heading, page
from clfer.scoring.counts import accuracy

CAPTION = (
    "Confusion matrices on the test images, counted over all seeds: rows are the actual class, "
    "columns the predicted one, and a cell is the share of its row in percent, so that the "
    "diagonal holds the recall of each class."
)
SHARE = "share of the actual class (%)"
DARK = 55  # percent from which on a cell is dark enough for white letters
# Inches: the side of a cell, the least side of a matrix, room for names and the colour bar.
CELL, LEAST, NAMES, BAR = 0.6, 3.0, 1.1, 1.5
LETTERS_PER_INCH = 13
# The same of several matrices, with a title.
IN_A_ROW = 3
SMALL_NAMES, SMALL_BAR, TITLE = 0.9, 0.7, 0.4


def draw(counts: Int[np.ndarray, "C C"], classes: Sequence[str], title: str, path: Path) -> None:
    """One matrix of `counts` (actual classes in rows): shade and percentage are shares of the row.

    The number of images stands below the percentage; a cell without images stays blank, and so
    does the row of an absent class.
    """
    side = max(CELL * len(classes), LEAST)
    rows = [f"{one} ({total})" for one, total in zip(classes, counts.sum(axis=1), strict=True)]
    with page(path, side + NAMES + BAR, side + NAMES) as figure:
        axes = figure.add_subplot()
        image = _matrix(axes, counts, classes, rows)
        figure.colorbar(image, ax=axes, fraction=0.04, label=SHARE)
        axes.set_title(fill(title, int(side * LETTERS_PER_INCH)))
        axes.set_ylabel("actual (images)")
        _write(axes, counts, lambda share, images: f"{_whole(share)}%\n{images}", size=8.0)


def draw_several(
    counts: Mapping[str, Int[np.ndarray, "C C"]],
    seeds: Mapping[str, int],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """The matrix of each variant, summed over its number of `seeds`, side by side and with shades
    on one scale (Fig. 6).
    """
    height = -(-len(counts) // IN_A_ROW)
    width = -(-len(counts) // height)
    side = (WIDTH - SMALL_NAMES - SMALL_BAR) / max(width, 2)
    size = SMALL_NAMES + width * side + SMALL_BAR, TITLE + height * (side + SMALL_NAMES)
    with page(path, *size) as figure:
        heading(figure, title)
        grid = figure.subplots(height, width, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(counts) :]:
            axes.set_axis_off()
        for axes, (name, one) in zip(grid.ravel(), counts.items(), strict=False):
            image = _matrix(axes, one, classes, classes)
            number = "1 seed" if seeds[name] == 1 else f"{seeds[name]} seeds"
            axes.set_title(f"{name}\n{100 * accuracy(one):.1f} % right, {number}", fontsize=9)
            axes.tick_params(labelsize=8)
            _write(axes, one, lambda share, _: _whole(share), size=7.0)
        for axes in grid[:, 0]:
            axes.set_ylabel("actual")
        figure.colorbar(image, ax=grid, fraction=0.04, aspect=30, label=SHARE)


def _matrix(
    axes: Axes, counts: Int[np.ndarray, "C C"], columns: Sequence[str], rows: Sequence[str]
) -> AxesImage:
    """The shades, with names on both axes; the image, for a colour bar."""
    places = range(len(counts))
    image = axes.imshow(_percent(counts), cmap="Blues", vmin=0, vmax=100)
    axes.set_xlabel("predicted")
    axes.set_xticks(places, columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, rows)
    axes.spines[:].set_visible(True)
    axes.tick_params(length=0)
    return image


def _write(
    axes: Axes, counts: Int[np.ndarray, "C C"], words: Callable[[float, int], str], size: float
) -> None:
    """`words` of percentage and count in every cell that holds an image."""
    shares = _percent(counts)
    for row, column in np.argwhere(counts > 0):
        share = float(shares[row, column])
        axes.text(
            column,
            row,
            words(share, int(counts[row, column])),
            ha="center",
            va="center",
            color="white" if share > DARK else "black",
            fontsize=size,
        )


def _percent(counts: Int[np.ndarray, "C C"]) -> Float[np.ndarray, "C C"]:
    """Shares of each row, and 0 in an empty one."""
    shares: Float[np.ndarray, "C C"] = (
        100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    )
    return shares


def _whole(share: float) -> str:
    """A percentage above 0 without decimals, and never as 0."""
    return f"{share:.0f}" if share >= 0.5 else "<1"
