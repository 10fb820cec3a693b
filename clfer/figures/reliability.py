"""A reliability diagram: does a model that is 80 % sure turn out right in 80 % of the cases?"""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes

from clfer.figures.page import COLOURS, FAINT, GREY, page
from clfer.scoring.calibration import BINS, expected_calibration_error, reliability
from clfer.scoring.counts import wilson

COLUMNS = 3
CONFIDENCE = 0.95
# Inches: a panel, and the title above with the legend below all panels.
PANEL, FRAME = (2.9, 3.3), 0.9
# The histogram takes this share of a panel's height, below the diagram.
SHARE = (4, 1)

Confidence = Float[np.ndarray, " N"]
Right = Bool[np.ndarray, " N"]


def draw(
    variants: Mapping[str, Sequence[tuple[Confidence, Right]]], title: str, path: Path
) -> None:
    """Draw one panel for each variant as PNG, from all its seeds' predictions.

    variants: for each, one pair a seed, of the top probability of every test image and whether the
    prediction is right. A dot is the accuracy of the predictions in a bin of confidence, at their
    mean confidence, with Wilson's 95 % interval; the predictions of one image by S seeds count as
    one image there. Below, the share of the predictions in each bin. `ECE` is the mean of the
    seeds' expected calibration errors, in points.
    """
    columns = min(COLUMNS, len(variants))
    rows = ceil(len(variants) / columns)
    size = max(columns, 2) * PANEL[0], rows * PANEL[1] + FRAME
    with page(path, *size) as figure:
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=10)
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=SHARE * rows)
        for place, (name, seeds) in enumerate(variants.items()):
            row, column = divmod(place, columns)
            diagram = figure.add_subplot(grid[2 * row, column])
            histogram = figure.add_subplot(grid[2 * row + 1, column], sharex=diagram)
            errors = [expected_calibration_error(*seed) for seed in seeds]
            diagram.set_title(f"{name}: ECE {100 * np.mean(errors):.1f}")
            confidence, right = (np.concatenate(parts) for parts in zip(*seeds, strict=True))
            panel(diagram, histogram, confidence, right, len(seeds))
            histogram.set_xlabel("confidence (%)")
            if column == 0:
                diagram.set_ylabel("accuracy (%)")
                histogram.set_ylabel("share (%)")
        foot = "on the dashed line: as right as it is sure; below it: too sure, above: too unsure"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def panel(diagram: Axes, histogram: Axes, confidence: Confidence, right: Right, seeds: int) -> None:
    """One variant's diagram, and below it where its predictions are."""
    bins = reliability(confidence, right, BINS)
    diagram.plot([0, 100], [0, 100], color=GREY, linestyle="dashed", linewidth=1)
    for images, sure, accuracy in zip(*bins, strict=True):
        if images:
            low, high = wilson(accuracy * images / seeds, images / seeds, CONFIDENCE)
            diagram.vlines(100 * sure, 100 * low, 100 * high, color=COLOURS[0], linewidth=1.2)
            diagram.scatter(100 * sure, 100 * accuracy, s=16, color=COLOURS[0], zorder=3)
    diagram.set_xlim(0, 100)
    diagram.set_ylim(0, 100)
    diagram.tick_params(labelbottom=False)
    diagram.grid()
    left = 100 * np.arange(BINS) / BINS
    shares = 100 * bins.images / bins.images.sum()
    histogram.bar(left, shares, 100 / BINS, align="edge", color=GREY, edgecolor="white")
    histogram.set_ylim(0)
    histogram.set_xticks([0, 25, 50, 75, 100])
