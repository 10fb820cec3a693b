"""Accuracy against the number of clusters (Fig. 8)."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clfer.figures.page import COLOURS, WIDTH, heading, page

CAPTION = (
    "Test accuracy against the number of clusters in CLFM (K_FM, latent semantics of a face) and "
    "in CLBS (K_BS, groups of a batch), each varied alone: means over the seeds, with 95 % "
    "intervals where there are several; the square is the number that the paper found best."
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


class Mark(TypedDict):
    """How a point looks."""

    marker: str
    mfc: str
    ms: float


def draw(points: Sequence[Point], path: Path, title: str = "") -> None:
    """Draw the points of each module, in a panel each, on one axis of accuracy."""
    with page(path, WIDTH, 2.9) as figure:
        heading(figure, title)
        grid = figure.subplots(1, 2, sharey=True)
        for axes, (module, name) in zip(grid, NAMES.items(), strict=True):
            panel(axes, sorted((one for one in points if one["module"] == module), key=_k))
            axes.set_xlabel(name)
        grid[0].set_ylabel("test accuracy (%)")
        keys = [key("mean, 95 % interval", False), key("the paper's best K", True)]
        figure.legend(handles=keys, loc="outside lower center", ncols=2)


def panel(axes: Axes, points: Sequence[Point]) -> None:
    """Means over K, with their intervals."""
    axes.plot(*_line(points), c=COLOURS[0], lw=1.2)
    for one in points:
        mean = 100 * one["mean"]
        if one["ci95"]:
            low, high = (100 * end for end in one["ci95"])
            axes.vlines(one["k"], low, high, color=COLOURS[0], lw=1.2)
        axes.plot(one["k"], mean, c=COLOURS[0], ls="", **_mark(one["paper_best"]))
    axes.set_xticks([one["k"] for one in points])
    axes.margins(x=0.08)
    axes.grid(axis="y")


def key(label: str, best: bool) -> Line2D:
    """What a mark means."""
    return Line2D([], [], c=COLOURS[0], ls="", label=label, **_mark(best))


def _mark(best: bool) -> Mark:
    return Mark(marker="s" if best else "o", mfc=COLOURS[0] if best else "white", ms=6)


def _line(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    return [one["k"] for one in points], [100 * one["mean"] for one in points]


def _k(point: Point) -> int:
    return point["k"]
