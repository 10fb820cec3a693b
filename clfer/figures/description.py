"""A dataset at a glance: classes by split, mean faces, and the votes of its raters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from clfer.figures.style import BLACK, COLOURS, FAINT, GREY, NOT_EVIDENCE, page

WIDTH = 10.0
# Inches: a bar or a row of the matrix, what stands around them, a face with its name.
ROW, FRAME, TITLE, LEAST, FACE = 0.27, 0.95, 0.4, 2.0, 1.5
IN_A_ROW = 9  # faces
DARK = 55  # percentage above which a cell is dark enough for white letters


def draw(
    found: Mapping[str, Any], means: UInt8[np.ndarray, "M S S C"], title: str, path: Path
) -> None:
    """Draw the results of `clfer.audit.report.report`, with "evidence" beside them, as PNG.

    Bars are images used, outlines those published with a label and a face. Below them the mean
    faces; where there are votes, those for the images of each label, and how many agree.
    """
    statistics, raters = found["faces"], found["raters"]
    names = list(statistics["classes"])
    rows = -(-len(means) // IN_A_ROW)
    bars = max(ROW * len(names) + FRAME, LEAST)
    heights = [bars, FACE * rows] + ([bars + TITLE] if raters else [])
    with page(path, WIDTH, sum(heights) + TITLE) as figure:
        mark = "" if found["evidence"] else f" ({NOT_EVIDENCE})"
        figure.suptitle(f"{title}{mark}", x=0.01, ha="left", fontsize=11, fontweight="bold")
        panels = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
        parts = {k: one for k, one in found["leakage"]["images"].items() if one["published"]}
        for axes, (part, counts) in zip(
            panels[0].subplots(1, len(parts), squeeze=False, sharey=True)[0],
            parts.items(),
            strict=True,
        ):
            splits(axes, part, counts, found["imbalance"][part]["used"])
        keys = axes.get_legend_handles_labels()
        panels[0].legend(*keys, loc="outside upper right", ncols=2, fontsize=8)
        counts = [one["images"] for one in (statistics["all"], *statistics["classes"].values())]
        mean_faces(panels[1], means, ["all", *names], counts, rows)
        if raters:
            left, right = panels[2].subplots(1, 2, width_ratios=(5, 3))
            votes(left, raters["classes"])
            top_vote(right, raters["top_vote"])


def splits(axes: Axes, part: str, counts: Mapping[str, Any], ratio: float | None) -> None:
    """A bar for each class of a split."""
    names = list(counts["classes"])
    used, published = (
        [one[kind] for one in counts["classes"].values()] for kind in ("used", "published")
    )
    axes.barh(names, used, height=0.7, color=COLOURS[0], label="used")
    outlines = axes.barh(
        names,
        published,
        height=0.7,
        facecolor="none",
        edgecolor=BLACK,
        linewidth=0.8,
        label="published with a label",
    )
    words = [f"{n:,} ({100 * n / max(counts['used'], 1):.1f} %)" for n in used]
    axes.bar_label(outlines, words, padding=3, fontsize=7)
    axes.set_title(f"{part}: {counts['used']:,} images")
    axes.set_xlabel(f"images (largest : smallest = {ratio:.1f})" if ratio else "images")
    axes.margins(x=0.42)  # for the numbers at the bars
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(axis="x")
    _name_rows(axes, names)


def mean_faces(
    panel: SubFigure,
    means: UInt8[np.ndarray, "M S S C"],
    names: Sequence[str],
    images: Sequence[int],
    rows: int,
) -> None:
    """A face for each name, with the number of images that it is the mean of."""
    grid = panel.subplots(rows, -(-len(means) // rows), squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, mean, name, count in zip(grid, means, names, images, strict=False):
        if count:
            axes.imshow(mean.squeeze(), cmap="gray", vmin=0, vmax=255)
        words = fill(name, 17, max_lines=2, placeholder="…")
        number = f"{count:,}" if count else "no image"
        axes.set_title(f"{words}\n{number}", fontsize=8, loc="center")
    panel.supylabel("mean face (images)", fontsize=9, color=FAINT)


def votes(axes: Axes, classes: Mapping[str, Any]) -> None:
    """What raters take for what: the mean share of every column in the votes of each label."""
    columns = list(next(iter(classes.values()))["shares"])
    percent = 100 * np.array([[*one["shares"].values()] for one in classes.values()], float)
    axes.imshow(percent, cmap="Blues", vmin=0, vmax=100, aspect="auto")
    for row, column in np.argwhere(percent >= 0.5):
        share = percent[row, column]
        colour = "white" if share > DARK else "black"
        axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_title("what raters say of the images of each label (% of the votes)")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_xlabel("vote")
    axes.set_ylabel("label")
    _name_rows(axes, list(classes))
    axes.spines[:].set_visible(True)


def top_vote(axes: Axes, sizes: Sequence[Mapping[str, int]]) -> None:
    """How many images got how many equal votes, with and without a label."""
    number, images, kept = (
        np.array([one[key] for one in sizes]) for key in ("votes", "images", "labelled")
    )
    share, kept = images / images.sum(), kept / images.sum()
    axes.bar(number, kept, color=COLOURS[0], label="with a label")
    rest = axes.bar(
        number,
        share - kept,
        bottom=kept,
        color="white",
        edgecolor=GREY,
        hatch="////",
        label="without",
    )
    words = [f"{100 * one:.0f}" if one >= 0.005 else "<1" if one else "" for one in share]
    axes.bar_label(rest, words, fontsize=8)
    axes.set_title("how many raters agree on an image")
    axes.set_xlabel("votes for its strongest column")
    axes.set_ylabel("% of the rated images")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=""))
    axes.set_xticks(number)
    axes.grid(axis="y")
    axes.set_ylim(0, 1.3 * share.max())  # room for the legend, wherever the bars are high
    axes.legend(loc="upper left", fontsize=8)


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    """One row for each name, the first one on top."""
    lines = [fill(name, 24, max_lines=2, placeholder="…") for name in names]
    small = any("\n" in words for words in lines)
    axes.set_yticks(range(len(names)), lines, fontsize=7 if small else 9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
