"""Accuracy against the number of clusters (Fig. 8)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clfer.figures.page import COLOURS, WIDTH, heading, page

CAPTION = (
    "Test accuracy against the number of clusters in CLFM (K_FM, latent semantics of a face) and in "
    "CLBS (K_BS, groups of a batch), each varied alone: means over the seeds with 95 % intervals "
    "where there are several; the square is the number that the paper found best."
)
NAMES = {"clfm": "$K_{FM}$", "clbs": "$K_{BS}$"}


class Point(TypedDict):
    """One setting. Accuracies are fractions; std and ci95 are None with a single seed."""

    module: str  # clfm or clbs
    k: int
    mean: float
    std: float | None
    ci95: list[float] | None
    paper_best: bool


def draw(points: Sequence[Point], path: Path, title: str = "") -> None:
    """Draw the points of each module, in a panel each, on one axis of accuracy."""
    with page(path, WIDTH, 2.9) as figure:
        heading(figure, title)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (module, name) in zip(grid, NAMES.items(), strict=True):
            panel(axes, sorted((one for one in points if one["module"] == module), key=_k))
            axes.set_xlabel(name)
        grid[0].set_ylabel("test accuracy (%)")
        mark = {"ls": "", "c": COLOURS[0], "mfc": "white", "ms": 5}
        keys = [
            Line2D([], [], marker="o", label="mean, 95 % interval", **mark),
            Line2D([], [], marker="s", label="the paper's best K", **mark | {"mfc": COLOURS[0]}),
        ]
        figure.legend(handles=keys, loc="outside lower center", ncols=2)


def panel(axes: Axes, points: Sequence[Point]) -> None:
    """Means over K, with their intervals."""
    axes.plot(*_line(points), c=COLOURS[0], lw=1.2)
    for one in points:
        mean = 100 * one["mean"]
        if one["ci95"]:
            low, high = (100 * end for end in one["ci95"])
            axes.vlines(one["k"], low, high, color=COLOURS[0], lw=1.2)
        face = COLOURS[0] if one["paper_best"] else "white"
        mark = "s" if one["paper_best"] else "o"
        axes.plot(one["k"], mean, mark, c=COLOURS[0], mfc=face, ms=6 if one["paper_best"] else 5)
    axes.set_xticks([one["k"] for one in points])
    axes.margins(x=0.08)
    axes.grid(axis="y")


def _line(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    return [one["k"] for one in points], [100 * one["mean"] for one in points]


def _k(point: Point) -> int:
    return point["k"]
