"""Accuracy of every variant over its seeds, and its difference to the baseline."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from clfer.figures.page import BLACK, FAINT, GREY, page, strokes
from clfer.report.words import marked

ROW = 0.36
FRAME = 1.1
FOOT = 0.3
# Letters of a title on one line.
LETTERS = 78
# Dots stand this far below the line of their variant, so that neither hides the other.
DROP = 0.24


def draw(summary: Mapping[str, Any], path: Path) -> None:
    """Draw the datasets of `clfer.scoring.summary.summarise`'s result as PNG, one panel each.

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
            colour = {variant: look.colour for variant, look in looks.items()}
            accuracies(left, dataset["variants"], colour)
            differences(right, dataset, colour, summary)
        foot = f"filled: claimed, p (Holm) < {summary['alpha']}; hollow: no claim; "
        foot += "dashed: one seed, other test images alone"
        figure.supxlabel(foot, x=0.99, ha="right", fontsize=8, color=FAINT)


def accuracies(axes: Axes, variants: Mapping[str, Any], colour: Mapping[str, str]) -> None:
    """Seeds, mean and interval of each variant, the first one on top."""
    for place, (name, variant) in enumerate(variants.items()):
        accuracy = variant["accuracy"]
        if accuracy["ci95"]:
            low, high = (100 * end for end in accuracy["ci95"])
            axes.hlines(place, low, high, color=colour[name], linewidth=1.6)
        values = [100 * value for value in accuracy["per_seed"]]
        axes.scatter(100 * accuracy["mean"], place, s=60, marker="|", color=colour[name], lw=2.4)
        axes.scatter(
            values, [place + DROP] * len(values), s=16, color=colour[name], alpha=0.6, linewidths=0
        )
    rows(axes, list(variants))
    axes.set_xlabel("accuracy (%): mean, 95 % interval, seeds below")


def differences(
    axes: Axes, dataset: Mapping[str, Any], colour: Mapping[str, str], summary: Mapping[str, Any]
) -> None:
    """Difference to the baseline of each variant that was compared with it."""
    names = list(dataset["variants"])
    axes.axvline(0, color=GREY, linewidth=1)
    for one in dataset["comparisons"]:
        if one["primary"] and one["difference"] is not None:
            difference(axes, names.index(one["a"]), one, colour[one["a"]], summary["alpha"])
    rows(axes, names)
    axes.tick_params(labelleft=False)
    axes.set_xlabel(f"difference to {summary['baseline']} (points)")


def difference(axes: Axes, place: int, one: Mapping[str, Any], colour: str, alpha: float) -> None:
    """One mean difference with its interval."""
    bounds = one["ci95"] or one["ci95_images"]
    if bounds:
        line = "solid" if one["ci95"] else "dashed"
        axes.hlines(place, 100 * bounds[0], 100 * bounds[1], color=colour, ls=line, lw=1.6)
    claimed = one["p_holm"] is not None and one["p_holm"] < alpha
    face = colour if claimed else "white"
    axes.scatter(
        100 * one["difference"],
        place,
        s=36,
        marker="D",
        facecolors=face,
        edgecolors=colour,
        linewidths=1.4,
        zorder=3,
    )


def rows(axes: Axes, names: list[str]) -> None:
    """One row for each name, the first one on top, with room around them."""
    axes.set_yticks(range(len(names)), names, color=BLACK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.grid(axis="x")
    axes.tick_params(axis="y", length=0)
