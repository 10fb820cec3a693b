"""A confusion matrix: where the images of each class end up."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from clfer.figures.page import page

# Above this percentage a cell is dark enough for white letters.
DARK = 55
# Inches: the side of a cell, the least side of the matrix, room for names and the colour bar.
CELL, LEAST, NAMES, BAR = 0.6, 3.0, 1.1, 1.5
LETTERS_PER_INCH = 13


def draw(counts: Int[np.ndarray, "C C"], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw `counts` (actual classes in rows) as PNG: shade and percentage are shares of the row.

    The number of images stands below the percentage; a cell without images stays blank, and so
    does the row of an absent class.
    """
    percent = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(CELL * len(classes), LEAST)
    with page(path, side + NAMES + BAR, side + NAMES) as figure:
        axes = figure.add_subplot()
        image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
        figure.colorbar(image, ax=axes, fraction=0.04, label="share of the actual class (%)")
        axes.set_title(fill(title, int(side * LETTERS_PER_INCH)))
        name(axes, counts, classes)
        write(axes, counts, percent)


def name(axes: Axes, counts: Int[np.ndarray, "C C"], classes: Sequence[str]) -> None:
    """Names of the classes on both axes, those of the rows with their number of images."""
    places, images = range(len(classes)), counts.sum(axis=1)
    rows = [f"{one} ({total})" for one, total in zip(classes, images, strict=True)]
    axes.set_xlabel("predicted")
    axes.set_ylabel("actual (images)")
    axes.set_xticks(places, classes, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, rows)
    axes.spines[:].set_visible(True)
    axes.tick_params(length=0)


def write(axes: Axes, counts: Int[np.ndarray, "C C"], percent: Float[np.ndarray, "C C"]) -> None:
    """Percentage and count in every cell that holds an image."""
    for row, column in np.argwhere(counts > 0):
        share = percent[row, column]
        words = f"{share:.0f}%" if share >= 0.5 else "<1%"
        axes.text(
            column,
            row,
            f"{words}\n{counts[row, column]}",
            ha="center",
            va="center",
            color="white" if share > DARK else "black",
            fontsize=8,
        )
