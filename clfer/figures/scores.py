"""Scores of variants: accuracy over seeds, over numbers of clusters, and calibration."""

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from textwrap import fill
from typing import Any, TypedDict

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from clfer.figures.style import BLACK, COLOURS, FAINT, GREY, WIDTH, heading, page, strokes
from clfer.report.numbers import marked
from clfer.scoring.calibration import BINS, expected_calibration_error, reliability
from clfer.scoring.counts import wilson

# Of accuracies, in inches: a variant, what stands around them, the line below.
ROW, FRAME, FOOT = 0.36, 1.1, 0.3
LETTERS = 78  # of a title on one line
DROP = 0.24  # dots stand this far below the line of their variant, so that neither hides the other

CLUSTERS = (
    "Test accuracy against the number of clusters in CLFM (K_FM, latent semantics of a face) and "
    "in CLBS (K_BS, groups of a batch), each varied alone: means over the seeds, with 95 % "
    "intervals where there are several; the square is the number that the paper found best."
)
MODULES = {"clfm": "$K_{FM}$", "clbs": "$K_{BS}$"}

# Of reliability, in inches: a panel, and what stands around all.
PANEL, AROUND, COLUMNS = (2.9, 3.3), 0.9, 3
HEIGHTS = (4, 1)  # of the diagram and of the histogram below it
LETTERS_PER_INCH = 12

Confidence = Float[np.ndarray, " N"]
Right = Bool[np.ndarray, " N"]


class Point(TypedDict):
    """One number of clusters. Accuracies are fractions; std and ci95 are None with one seed."""

    module: str  # clfm or clbs
    k: int
    mean: float
    std: float | None
    ci95: list[float] | None
    paper_best: bool


def draw_accuracy(summary: Mapping[str, Any], path: Path) -> None:
    """The datasets of `clfer.scoring.summary.summarise`'s result, one panel each.

    Left, in percent: a dot for every seed, a bar for the mean, a line for its 95 % interval.
    Right, in points: the mean difference to the baseline with its interval over seeds, dashed where
    there is only the interval over images (one seed). Filled: Holm's p is under alpha.
    """
    datasets = summary["datasets"]
    heights = [FRAME + ROW * len(one["variants"]) for one in datasets.values()]
    with page(path, 8.0, sum(heights) + FOOT) as figure:
        panels = figure.subplots(
            len(datasets), 2, squeeze=False, width_ratios=(3, 2), height_ratios=heights
        )
        for (left, right), (name, dataset) in zip(panels, datasets.items(), strict=True):
            title = marked(name, dataset["evidence"], dataset["selected_on"])
            left.set_title(fill(title, LETTERS), fontweight="bold")
            looks = strokes(list(dataset["variants"]), summary["baseline"])
            colours = {variant: look.colour for variant, look in looks.items()}
            _accuracies(left, dataset["variants"], colours)
            _differences(right, dataset, colours, summary)
        foot = f"filled: claimed, p (Holm) < {summary['alpha']}; hollow: no claim; "
        foot += "dashed: one seed, other test images alone"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def _accuracies(axes: Axes, variants: Mapping[str, Any], colours: Mapping[str, str]) -> None:
    """Seeds, mean and interval of each variant."""
    for place, (name, variant) in enumerate(variants.items()):
        accuracy = variant["accuracy"]
        if accuracy["ci95"]:
            low, high = (100 * end for end in accuracy["ci95"])
            axes.hlines(place, low, high, color=colours[name], linewidth=1.6)
        values = [100 * value for value in accuracy["per_seed"]]
        axes.scatter(100 * accuracy["mean"], place, s=60, marker="|", color=colours[name], lw=2.4)
        axes.scatter(
            values, [place + DROP] * len(values), s=16, color=colours[name], alpha=0.6, linewidths=0
        )
    _rows(axes, list(variants))
    axes.set_xlabel("accuracy (%): mean, 95 % interval, seeds below")


def _differences(
    axes: Axes, dataset: Mapping[str, Any], colours: Mapping[str, str], summary: Mapping[str, Any]
) -> None:
    """Difference to the baseline of each variant that was compared with it."""
    names = list(dataset["variants"])
    axes.axvline(0, color=GREY, linewidth=1)
    for one in dataset["comparisons"]:
        if one["primary"] and one["difference"] is not None:
            _difference(axes, names.index(one["a"]), one, colours[one["a"]], summary["alpha"])
    _rows(axes, names)
    axes.tick_params(labelleft=False)
    axes.set_xlabel(f"difference to {summary['baseline']} (points)")


def _difference(axes: Axes, place: int, one: Mapping[str, Any], colour: str, alpha: float) -> None:
    """One mean difference with its interval."""
    bounds = one["ci95"] or one["ci95_images"]
    if bounds:
        line = "solid" if one["ci95"] else "dashed"
        axes.hlines(place, 100 * bounds[0], 100 * bounds[1], color=colour, ls=line, lw=1.6)
    claimed = one["p_holm"] is not None and one["p_holm"] < alpha
    axes.scatter(
        100 * one["difference"],
        place,
        s=36,
        marker="D",
        facecolors=colour if claimed else "white",
        edgecolors=colour,
        linewidths=1.4,
        zorder=3,
    )


def _rows(axes: Axes, names: list[str]) -> None:
    """One row for each name, the first one on top, with room around them."""
    axes.set_yticks(range(len(names)), names, color=BLACK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)


def draw_clusters(points: Sequence[Point], path: Path, title: str = "") -> None:
    """Accuracy against the number of clusters, a panel for each module (Fig. 8)."""
    with page(path, WIDTH, 2.9) as figure:
        heading(figure, title)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (module, name) in zip(grid, MODULES.items(), strict=True):
            chosen = [one for one in points if one["module"] == module]
            _means_by_k(axes, sorted(chosen, key=lambda one: one["k"]))
            axes.set_xlabel(name)
        grid[0].set_ylabel("test accuracy (%)")
        keys = [
            Line2D([], [], ls="", label="mean, 95 % interval", **_mark(False)),
            Line2D([], [], ls="", label="the paper's best K", **_mark(True)),
        ]
        figure.legend(handles=keys, loc="outside lower center", ncols=2)


def _means_by_k(axes: Axes, points: Sequence[Point]) -> None:
    ks = [one["k"] for one in points]
    axes.plot(ks, [100 * one["mean"] for one in points], c=COLOURS[0], lw=1.2)
    for one in points:
        if one["ci95"]:
            low, high = (100 * end for end in one["ci95"])
            axes.vlines(one["k"], low, high, color=COLOURS[0], lw=1.2)
        axes.plot(one["k"], 100 * one["mean"], ls="", **_mark(one["paper_best"]))
    axes.set_xticks(ks)
    axes.margins(x=0.08)
    axes.grid(axis="y")


def _mark(best: bool) -> dict[str, Any]:
    shape = "s" if best else "o"
    return {"c": COLOURS[0], "marker": shape, "mfc": COLOURS[0] if best else "white", "ms": 6}


def draw_reliability(
    variants: Mapping[str, Sequence[tuple[Confidence, Right]]], title: str, path: Path
) -> None:
    """Accuracy against confidence, one panel for each variant, from all its seeds' predictions.

    variants: for each, one pair a seed, of the top probability of every test image and whether the
    prediction is right. A dot is the accuracy of the predictions in a bin of confidence, at their
    mean confidence, with Wilson's 95 % interval; the predictions of one image by S seeds count as
    one image there. Below, the share of the predictions in each bin. `ECE` is the mean of the
    seeds' expected calibration errors, in points.
    """
    columns = min(COLUMNS, len(variants))
    rows = ceil(len(variants) / columns)
    width, height = max(columns, 2) * PANEL[0], rows * PANEL[1] + AROUND
    with page(path, width, height) as figure:
        heading(figure, fill(title, int(width * LETTERS_PER_INCH)))
        grid = figure.add_gridspec(2 * rows, columns, height_ratios=HEIGHTS * rows)
        for place, (name, seeds) in enumerate(variants.items()):
            row, column = divmod(place, columns)
            diagram = figure.add_subplot(grid[2 * row, column])
            histogram = figure.add_subplot(grid[2 * row + 1, column], sharex=diagram)
            errors = [expected_calibration_error(*seed) for seed in seeds]
            diagram.set_title(f"{name}: ECE {100 * np.mean(errors):.1f} points")
            confidence, right = (np.concatenate(parts) for parts in zip(*seeds, strict=True))
            _reliability(diagram, histogram, confidence, right, len(seeds))
            histogram.set_xlabel("confidence (%)")
            if column == 0:
                diagram.set_ylabel("accuracy (%)")
                histogram.set_ylabel("share (%)")
        foot = "on the dashed line: as right as it is sure; below it: too sure, above: too unsure"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def _reliability(
    diagram: Axes, histogram: Axes, confidence: Confidence, right: Right, seeds: int
) -> None:
    """One variant's diagram, and below it where its predictions are."""
    bins = reliability(confidence, right, BINS)
    diagram.plot([0, 100], [0, 100], color=GREY, linestyle="dashed", linewidth=1)
    filled = bins.images > 0
    images, sure, accuracy = (column[filled] for column in bins)
    counts = zip(accuracy * images / seeds, images / seeds, strict=True)
    low, high = 100 * np.array([wilson(float(k), float(n), 0.95) for k, n in counts]).T
    diagram.vlines(100 * sure, low, high, color=COLOURS[0], linewidth=1.2)
    diagram.scatter(100 * sure, 100 * accuracy, s=16, color=COLOURS[0], zorder=3, clip_on=False)
    diagram.set_xlim(0, 100)
    diagram.set_ylim(0, 100)
    diagram.tick_params(labelbottom=False)
    diagram.grid()
    left = 100 * np.arange(BINS) / BINS
    shares = 100 * bins.images / bins.images.sum()
    histogram.bar(left, shares, 100 / BINS, align="edge", color=GREY, edgecolor="white")
    histogram.set_ylim(0)
    histogram.set_xticks([0, 25, 50, 75, 100])
