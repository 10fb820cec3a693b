"""A dataset at a glance: classes by split, mean faces, and what its raters say."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator

from clfer.figures.style import BLACK, COLOURS, FAINT, GREY, NOT_EVIDENCE, page

WIDTH = 10.0
# Inches: a bar or a row of the matrix, what stands around them, a face with its name.
ROW, FRAME, TITLE, LEAST = 0.27, 0.95, 0.4, 2.0
IN_A_ROW = 9
FACE = 1.5
NAME = 24  # letters in a line of a class's name beside an axis
# Above this percentage a cell is dark enough for white letters.
DARK = 55


def draw(
    found: Mapping[str, Any], means: UInt8[np.ndarray, "M S S C"], title: str, path: Path
) -> None:
    """Draw what `clfer.description.report.describe` returns as PNG, with its "evidence" beside.

    Bars are images used, outlines images published with a label. Below them the mean faces; where
    there are votes, what the raters of each label said, and how many agreed on the top vote.
    """
    names, raters = found["classes"], found["raters"]
    bars = max(ROW * len(names) + FRAME, LEAST)
    heights = [bars, FACE * _grid(len(means))[0]] + ([bars + TITLE] if raters else [])
    with page(path, WIDTH, sum(heights) + TITLE) as figure:
        mark = "" if found["evidence"] else f" ({NOT_EVIDENCE})"
        figure.suptitle(f"{title}{mark}", x=0.01, ha="left", fontsize=11, fontweight="bold")
        panels = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        splits(panels[0], found["splits"], names)
        counts = [found["faces"]["all"], *found["faces"]["classes"].values()]
        mean_faces(panels[1], means, ["all", *names], [one["images"] for one in counts])
        if raters:
            left, right = panels[2].subplots(1, 2, width_ratios=(5, 3))
            votes(left, raters)
            top_vote(right, raters)


def splits(panel: SubFigure, found: Mapping[str, Any], names: Sequence[str]) -> None:
    """A histogram of the classes for each split, each on its own scale."""
    grid = panel.subplots(1, len(found), squeeze=False, sharey=True)[0]
    for axes, (part, both) in zip(grid, found.items(), strict=True):
        published, used = (
            [one["images"] for one in both[kind]["classes"].values()]
            for kind in ("published", "used")
        )
        places = range(len(names))
        axes.barh(places, used, height=0.7, color=COLOURS[0], label="used")
        axes.barh(
            places,
            published,
            height=0.7,
            facecolor="none",
            edgecolor=BLACK,
            linewidth=0.8,
            label="published with a label",
        )
        for place in places:
            share = 100 * both["used"]["classes"][names[place]]["share"]
            axes.annotate(
                f"{used[place]:,} ({share:.1f} %)",
                (max(used[place], published[place]), place),
                (3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7,
            )
        axes.set_title(f"{part}: {both['used']['images']:,} images")
        ratio = both["used"]["imbalance"]
        axes.set_xlabel(f"images (largest : smallest = {ratio:.1f})" if ratio else "images")
        axes.margins(x=0.42)  # for the numbers at the bars
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(axis="x")
        rows(axes, names)
    keys, words = grid[0].get_legend_handles_labels()
    panel.legend(keys, words, loc="outside upper right", ncols=2, fontsize=8)


def mean_faces(
    panel: SubFigure,
    means: UInt8[np.ndarray, "M S S C"],
    names: Sequence[str],
    images: Sequence[int],
) -> None:
    """A face for each name, with the number of images that it is the mean of."""
    height, width = _grid(len(means))
    grid = panel.subplots(height, width, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, mean, name, count in zip(grid, means, names, images, strict=False):
        if count:
            axes.imshow(
                mean if mean.shape[-1] == 3 else mean[..., 0], cmap="gray", vmin=0, vmax=255
            )
        words = fill(name, 17 if width == IN_A_ROW else 20, max_lines=2, placeholder="…")
        number = f"{count:,}" if count else "no image"
        axes.set_title(f"{words}\n{number}", fontsize=8, loc="center")
    panel.supylabel("mean face (images)", fontsize=9, color=FAINT)


def votes(axes: Axes, raters: Mapping[str, Any]) -> None:
    """What raters take for what: the mean share of every column in the votes of each label."""
    classes, columns = raters["classes"], raters["columns"]
    nothing = [np.nan] * len(columns)
    percent = 100 * np.array([one["shares"] or nothing for one in classes.values()], float)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, column in np.argwhere(percent >= 0.5):
        share = percent[row, column]
        axes.text(
            column,
            row,
            f"{share:.0f}",
            ha="center",
            va="center",
            color="white" if share > DARK else "black",
            fontsize=8,
        )
    axes.set_title("what raters say of the images of each label (% of the votes)")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_xlabel("vote")
    axes.set_ylabel("label")
    rows(axes, list(classes))
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.spines[:].set_visible(True)


def top_vote(axes: Axes, raters: Mapping[str, Any]) -> None:
    """How many images got how many equal votes, with and without a label."""
    sizes = [one["votes"] for one in raters["top_vote"]]
    kept, total = (
        np.array([100 * one[key] / raters["images"] for one in raters["top_vote"]])
        for key in ("labelled", "images")
    )
    axes.bar(sizes, kept, color=COLOURS[0], label="with a label")
    axes.bar(
        sizes,
        total - kept,
        bottom=kept,
        color="white",
        edgecolor=GREY,
        hatch="////",
        label="without",
    )
    for size, share in zip(sizes, total, strict=True):
        words = f"{share:.0f}" if share >= 0.5 else "<1" if share else ""
        axes.annotate(
            words, (size, share), (0, 2), textcoords="offset points", ha="center", fontsize=8
        )
    axes.set_title("how many raters agree on an image")
    axes.set_xlabel("votes for its strongest column")
    axes.set_ylabel("% of the rated images")
    axes.set_xticks(sizes)
    axes.grid(axis="y")
    axes.set_ylim(0, 1.3 * max(total))  # room for the legend, wherever the bars are high
    axes.legend(loc="upper left", fontsize=8)


def rows(axes: Axes, names: Sequence[str]) -> None:
    """One row for each name, the first one on top."""
    lines = [fill(name, NAME, max_lines=2, placeholder="…") for name in names]
    small = any("\n" in words for words in lines)
    axes.set_yticks(range(len(names)), lines, fontsize=7 if small else 9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _grid(faces: int) -> tuple[int, int]:
    """Rows and columns that hold so many faces, the rows about equally full."""
    height = -(-faces // IN_A_ROW)
    return height, -(-faces // height)
