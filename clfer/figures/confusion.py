"""A confusion matrix: where the images of each class end up."""

from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.image import AxesImage

from clfer.figures.page import page

# Above this percentage a cell is dark enough for white letters.
DARK = 55
# Inches: the side of a cell, the least side of the matrix, room for names and the colour bar.
CELL, LEAST, NAMES, BAR = 0.6, 3.0, 1.1, 1.5
LETTERS_PER_INCH = 13
SHARE = "share of the actual class (%)"


def draw(counts: Int[np.ndarray, "C C"], classes: Sequence[str], title: str, path: Path) -> None:
    """Draw `counts` (actual classes in rows) as PNG: shade and percentage are shares of the row.

    The number of images stands below the percentage; a cell without images stays blank, and so
    does the row of an absent class.
    """
    side = max(CELL * len(classes), LEAST)
    rows = [f"{one} ({total})" for one, total in zip(classes, counts.sum(axis=1), strict=True)]
    with page(path, side + NAMES + BAR, side + NAMES) as figure:
        axes = figure.add_subplot()
        image = matrix(axes, counts, classes, rows)
        figure.colorbar(image, ax=axes, fraction=0.04, label=SHARE)
        axes.set_title(fill(title, int(side * LETTERS_PER_INCH)))
        axes.set_ylabel("actual (images)")
        write(axes, counts, lambda share, images: f"{whole(share)}%\n{images}", size=8.0)


def matrix(
    axes: Axes, counts: Int[np.ndarray, "C C"], columns: Sequence[str], rows: Sequence[str]
) -> AxesImage:
    """The shades, with names on both axes; the image, for a colour bar."""
    places = range(len(counts))
    image = axes.imshow(percent(counts), cmap="Blues", vmin=0, vmax=100)
    axes.set_xlabel("predicted")
    axes.set_xticks(places, columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(places, rows)
    axes.spines[:].set_visible(True)
    axes.tick_params(length=0)
    return image


def write(
    axes: Axes, counts: Int[np.ndarray, "C C"], words: Callable[[float, int], str], size: float
) -> None:
    """In every cell that holds an image what `words` says of its percentage and count."""
    shares = percent(counts)
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


def percent(counts: Int[np.ndarray, "C C"]) -> Float[np.ndarray, "C C"]:
    """Shares of each row, and 0 in an empty one."""
    shares: Float[np.ndarray, "C C"] = (
        100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    )
    return shares


def whole(share: float) -> str:
    """A percentage above 0 without decimals, and never as 0."""
    return f"{share:.0f}" if share >= 0.5 else "<1"
