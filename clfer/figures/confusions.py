"""Confusion matrices of several variants side by side (Fig. 6)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from clfer.figures.confusion import SHARE, matrix, whole, write
from clfer.figures.page import WIDTH, heading, page
from clfer.scoring.counts import accuracy

CAPTION = (
    "Confusion matrices on the test images, counted over all seeds: rows are the actual class, "
    "columns the predicted one, and a cell is the share of its row in percent, so that the "
    "diagonal holds the recall of each class."
)
IN_A_ROW = 3
# Inches: names of the classes beside and below, the colour bar, a title.
NAMES, BAR, TITLE = 0.9, 0.7, 0.4


def draw(
    counts: Mapping[str, Int[np.ndarray, "C C"]],
    seeds: Mapping[str, int],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw each variant's `counts` (actual classes in rows), summed over its number of `seeds`.

    Shades are on one scale; a cell without images stays blank.
    """
    height = -(-len(counts) // IN_A_ROW)
    width = -(-len(counts) // height)
    side = (WIDTH - NAMES - BAR) / max(width, 2)
    with page(path, NAMES + width * side + BAR, TITLE + height * (side + NAMES)) as figure:
        heading(figure, title)
        grid = figure.subplots(height, width, squeeze=False, sharey=True)
        for axes in grid.ravel()[len(counts) :]:
            axes.set_axis_off()
        for axes, (name, one) in zip(grid.ravel(), counts.items(), strict=False):
            image = matrix(axes, one, classes, classes)
            number = "1 seed" if seeds[name] == 1 else f"{seeds[name]} seeds"
            axes.set_title(f"{name}\n{100 * accuracy(one):.1f} % right, {number}", fontsize=9)
            axes.tick_params(labelsize=8)
            write(axes, one, lambda share, _: whole(share), size=7.0)
        for axes in grid[:, 0]:
            axes.set_ylabel("actual")
        figure.colorbar(image, ax=grid, fraction=0.04, aspect=30, label=SHARE)
