"""Features of faces in the plane at some moments of training (Fig. 9)."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from clfer.figures.page import COLOURS, WIDTH, heading, page

CAPTION = (
    "What each variant makes of the validation faces, in the plane by t-SNE, at some moments of "
    "training; a mark is a face, its colour and shape its label. Near marks are alike, while the "
    "size of a cluster and its place mean nothing; the percentage is how many of a face's "
    "{neighbours} nearest neighbours have its label, in the features themselves, averaged over "
    "the faces."
)
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
SHARE = "percentages: nearest neighbours with the same label, before the projection"
AROUND, LEGEND = 0.3, 1.0
MANY = 4000  # marks of a figure from which on an SVG holds them as pixels: it would have megabytes


def draw(
    planes: Mapping[str, Mapping[int, Float[np.ndarray, "N 2"]]],
    alike: Mapping[str, Mapping[int, float]],
    label: Int[np.ndarray, " N"],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw for each variant the faces in the plane by epoch; a row each.

    alike: share of neighbours with the same label, by variant and epoch
    """
    columns = max(len(epochs) for epochs in planes.values())
    side = WIDTH / max(columns, 3)
    many = len(label) * columns * len(planes) > MANY
    with page(path, WIDTH, len(planes) * (side + AROUND) + LEGEND) as figure:
        heading(figure, title)
        grid = figure.subplots(len(planes), columns, squeeze=False)
        for row, (name, epochs) in zip(grid, planes.items(), strict=True):
            row[0].set_ylabel(name, fontsize=9)
            for axes in row[len(epochs) :]:
                axes.set_axis_off()
            for axes, (epoch, plane) in zip(row, epochs.items(), strict=False):
                scatter(axes, plane, label, len(classes), many)
                share = 100 * alike[name][epoch]
                axes.set_title(f"epoch {epoch}: {share:.0f} %", fontsize=9)
        keys = [
            Line2D([], [], ls="", marker=mark, c=colour, markersize=5, label=name)
            for name, (mark, colour) in zip(classes, _looks(len(classes)), strict=True)
        ]
        figure.legend(
            handles=keys,
            loc="outside lower center",
            ncols=min(len(keys), 4),
            title=SHARE,
            title_fontsize=8,
            fontsize=8,
        )


def scatter(
    axes: Axes,
    plane: Float[np.ndarray, "N 2"],
    label: Int[np.ndarray, " N"],
    classes: int,
    many: bool,
) -> None:
    """The faces, those of frequent classes below those of rare ones."""
    size = float(np.clip(4000 / len(label), 3, 20))
    looks = _looks(classes)
    frequency = np.bincount(label, minlength=classes)
    for place in np.argsort(-frequency, kind="stable"):
        mark, colour = looks[place]
        x, y = plane[label == place].T
        axes.scatter(x, y, s=size, marker=mark, c=colour, alpha=0.7, lw=0, rasterized=many)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color("#bbbbbb")
    axes.set_aspect("equal", adjustable="datalim")


def _looks(classes: int) -> list[tuple[str, str]]:
    """A mark and a colour for each class: no two share the mark until all are used, and then not
    the colour.
    """
    turns = product(range(len(COLOURS)), range(len(MARKS)))
    looks = [(MARKS[place], COLOURS[(place + turn) % len(COLOURS)]) for turn, place in turns]
    return looks[:classes]
