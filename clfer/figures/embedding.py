"""t-SNE of the features of faces at some epochs of training (Fig. 9)."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from sklearn.manifold import TSNE
from sklearn.neighbors import NearestNeighbors

from clfer.figures.style import COLOURS, WIDTH, heading, page

NEIGHBOURS = 10  # of a face, whose labels are compared with its own
PERPLEXITY = 30.0  # the default of van der Maaten and Hinton (2008) and of scikit-learn

CAPTION = (
    "What each variant makes of the validation faces, in the plane by t-SNE, at some moments of "
    "training; a mark is a face, its colour and shape its label. Near marks are alike, while the "
    "size of a cluster and its place mean nothing; the percentage is how many of a face's "
    f"{NEIGHBOURS} nearest neighbours have its label, in the features themselves, averaged over "
    "the faces."
)
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
SHARE = "percentages: nearest neighbours with the same label, before the projection"
AROUND, LEGEND = 0.3, 1.0
MANY = 4000  # marks from which on an SVG holds them as pixels: it would have megabytes


def tsne(points: Float[np.ndarray, "N D"], seed: int) -> Float[np.ndarray, "N 2"]:
    """The points in the plane by t-SNE, started from their two principal components.

    Near points stay near; the size of clusters, the distances between them and their places mean
    nothing. Of at least two points; few of them have fewer neighbours.
    """
    perplexity = min(PERPLEXITY, max((len(points) - 1) / 3, 1.0))
    method = TSNE(init="pca", perplexity=perplexity, random_state=seed)
    plane: Float[np.ndarray, "N 2"] = method.fit_transform(points.astype(np.float32))
    return plane


def neighbour_agreement(points: Float[np.ndarray, "N D"], label: Int[np.ndarray, " N"]) -> float:
    """Mean share of the NEIGHBOURS nearest to a point, by Euclidean distance, that have its label;
    of all other points where there are fewer.
    """
    count = min(NEIGHBOURS, len(points) - 1)
    search = NearestNeighbors(n_neighbors=count).fit(points)
    near = search.kneighbors(return_distance=False)  # of the points themselves, without themselves
    return float((label[near] == label[:, None]).mean())


def spread_epochs(epochs: list[int], count: int) -> list[int]:
    """`count` of the epochs in ascending order, evenly over their ranks: the first, the last and
    some between; all where there are fewer.
    """
    every = sorted(epochs)
    places = np.linspace(0, len(every) - 1, min(count, len(every))).round().astype(int)
    return [every[place] for place in places]


def draw(
    planes: Mapping[str, Mapping[int, Float[np.ndarray, "N 2"]]],
    alike: Mapping[str, Mapping[int, float]],
    label: Int[np.ndarray, " N"],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """The faces in the plane by epoch, a row for each variant.

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
                _scatter(axes, plane, label, len(classes), many)
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


def _scatter(
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
