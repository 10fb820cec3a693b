"""Features of faces: where blocks and semantic groups of channels respond, and t-SNE of them."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import polars as pl
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from clfer.figures.palette import COLOURS
from clfer.figures.style import WIDTH, group_names, heading, page

FEATURE_MAPS = (
    "Validation faces (rows) and the mean absolute activation over the channels of each block of "
    "each variant: bright is where the block responds. Each map is scaled from its own lowest to "
    "its own highest response; the number below a column is the mean activation over these faces."
)
SEMANTIC_GROUPS = (
    "One validation face and the strongest channels of block {block}, strongest first, a row for "
    "each semantic group, from the one that responds highest on the face to the lowest; above them "
    "how many channels each group has. Each map is scaled from its own lowest to its own highest "
    "response; fewer maps stand where a group has fewer channels."
)
NEIGHBOURS = 10  # of a face, whose labels are compared with its own
TSNE = (
    "What each variant makes of the validation faces, in the plane by t-SNE, at some moments of "
    "training; a mark is a face, its colour and shape its label. Near marks are alike, while the "
    "size of a cluster and its place mean nothing; the percentage is how many of a face's "
    f"{NEIGHBOURS} nearest neighbours have its label, in the features themselves, averaged over "
    "the faces."
)
CHANNELS = 4  # of each semantic group, as in the paper
SHADES = "magma"  # its lightness rises steadily: it reads in grey and to the colour-blind
GAP = 0.06  # of a picture's side, between two pictures
LARGEST = 0.9  # inches of a picture
PERPLEXITY = 30.0  # the default of van der Maaten and Hinton (2008) and of scikit-learn
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
MANY = 4000  # marks from which on an SVG holds them as pixels: it would have megabytes


def draw_feature_maps(
    faces: Float[np.ndarray, "F S S 3"],
    labels: Sequence[str],
    maps: Mapping[str, Float[np.ndarray, "F L S S"]],
    levels: Mapping[str, Float[np.ndarray, " L"]],
    title: str,
    path: Path,
) -> None:
    """The faces and beside them the `maps` of each variant, all values in [0, 1] (Fig. 7, 11).

    levels: the number below the column of each block
    """
    columns = [
        [f"block {j}\n{_digits(level)}" for j, level in enumerate(levels[name], start=1)]
        for name in maps
    ]
    parts = [faces[:, None], *(coloured(one) for one in maps.values())]
    _draw_parts(parts, ["face", *maps], labels, [[""], *columns], title, path)


def _digits(level: float) -> str:
    """Two decimals, of small numbers two digits, of large ones none."""
    return f"{level:.2g}" if level < 0.1 else f"{level:.2f}" if level < 10 else f"{level:.0f}"


def draw_semantic_groups(
    face: Float[np.ndarray, "S S 3"],
    maps: Mapping[str, Float[np.ndarray, "K N S S"]],
    sizes: Mapping[str, Sequence[int]],
    title: str,
    path: Path,
) -> None:
    """The face, and for each variant N maps of each of K groups, values in [0, 1]; all NaN where
    the group has fewer channels (Fig. 10).

    sizes: how many channels each group has
    """
    groups, count = next(iter(maps.values())).shape[:2]
    faces = np.ones((groups, 1, *face.shape))
    faces[0, 0] = face
    parts = [faces, *(coloured(one) for one in maps.values())]
    names = [f"{name}\n{', '.join(map(str, sizes[name]))} channels" for name in maps]
    ranks = [f"{rank}." for rank in range(1, count + 1)]
    columns = [[""], *[ranks] * len(maps)]
    _draw_parts(parts, ["face", *names], group_names(groups), columns, title, path)


def examples(images: pl.DataFrame, count: int | None) -> pl.DataFrame:
    """The first image of each class in row order, then the second of each, and so on; the first
    `count` of these, or one for each class where that is None. Classes stand in their own order.

    images: columns `row`, `label` (an Enum)
    """
    turn = pl.int_range(pl.len()).over("label").alias("turn")
    ordered = images.sort("row").with_columns(turn).sort("turn", pl.col("label").to_physical())
    chosen = ordered.filter(pl.col("turn") == 0) if count is None else ordered.head(count)
    return chosen.drop("turn")


def _draw_parts(
    parts: Sequence[Float[np.ndarray, "R _ S S 3"]],
    names: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[Sequence[str]],
    title: str,
    path: Path,
) -> None:
    """Draw `parts` from left to right under their names, values in [0, 1].

    rows, columns: names of the rows, and of the columns of each part
    """
    widths = [part.shape[1] for part in parts]
    cell = min((WIDTH - 2) / sum(widths), LARGEST)
    ratios = [width + GAP * (width - 1) for width in widths]
    with page(path, 2 + cell * sum(widths), 1.2 + cell * len(rows), "compressed") as figure:
        heading(figure, title)
        grid = figure.subplots(1, len(parts), squeeze=False, sharey=True, width_ratios=ratios)[0]
        for axes, part, name, below in zip(grid, parts, names, columns, strict=True):
            tiles(axes, part)
            axes.set_title(name, loc="center", fontsize=9)
            axes.set_xticks(_middles(len(below), part.shape[2]), below, fontsize=6.5)
        lines = [fill(name, 20) for name in rows]
        grid[0].set_yticks(_middles(len(rows), parts[0].shape[2]), lines, fontsize=8)
        colour_bar(grid[-1], widths[-1], "response, within each map")


def tiles(axes: Axes, pictures: Float[np.ndarray, "R K S S 3"]) -> None:
    """Draw pictures in R rows and K columns as one image, with white gaps between them."""
    rows, columns, side = pictures.shape[:3]
    gap = round(GAP * side)
    sheet = np.ones((rows * (side + gap) - gap, columns * (side + gap) - gap, 3))
    for row, column in np.ndindex(rows, columns):
        top, left = row * (side + gap), column * (side + gap)
        sheet[top : top + side, left : left + side] = pictures[row, column]
    axes.imshow(sheet, clip_on=False)  # an SVG names clips at random
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _middles(count: int, side: int) -> list[float]:
    """The middle of each of `count` tiles."""
    return [(side - 1) / 2 + k * (side + round(GAP * side)) for k in range(count)]


def coloured(maps: Float[np.ndarray, "*batch S S"]) -> Float[np.ndarray, "*batch S S 3"]:
    """Values in [0, 1] as colours; white where they are NaN."""
    colours = mpl.colormaps[SHADES].with_extremes(bad="white")
    pixels: Float[np.ndarray, "*batch S S 3"] = colours(np.ma.masked_invalid(maps))[..., :3]
    return pixels


def over(
    faces: Float[np.ndarray, "*batch S S 3"], maps: Float[np.ndarray, "*batch S S"], opacity: float
) -> Float[np.ndarray, "*batch S S 3"]:
    """Maps in colours over faces in grey."""
    grey = faces.mean(axis=-1, keepdims=True)
    mixed: Float[np.ndarray, "*batch S S 3"] = (1 - opacity) * grey + opacity * coloured(maps)
    return mixed


def colour_bar(axes: Axes, columns: int, label: str) -> None:
    """The colours of `coloured` to the right of axes with that many columns, and their measure."""
    shades = ScalarMappable(Normalize(0, 1), mpl.colormaps[SHADES])
    place = axes.inset_axes((1 + 0.1 / columns, 0, 0.08 / columns, 1))
    bar = axes.figure.colorbar(shades, cax=place, ticks=[0, 0.5, 1])
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)


def tsne(points: Float[np.ndarray, "N D"], seed: int) -> Float[np.ndarray, "N 2"]:
    """The points in the plane by t-SNE, started from their two principal components.

    Near points stay near; the size of clusters, the distances between them and their places mean
    nothing. Of at least two points; few of them have fewer neighbours.
    """
    from sklearn import manifold

    perplexity = min(PERPLEXITY, max((len(points) - 1) / 3, 1.0))
    method = manifold.TSNE(init="pca", perplexity=perplexity, random_state=seed)
    plane: Float[np.ndarray, "N 2"] = method.fit_transform(points.astype(np.float32))
    return plane


def neighbour_agreement(points: Float[np.ndarray, "N D"], label: Int[np.ndarray, " N"]) -> float:
    """Mean share of the NEIGHBOURS nearest to a point, by Euclidean distance, that have its label;
    of all other points where there are fewer.
    """
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(points) - 1)).fit(points)
    near = search.kneighbors(return_distance=False)  # of the points themselves, without themselves
    return float((label[near] == label[:, None]).mean())


def draw_tsne(
    planes: Mapping[str, Mapping[int, Float[np.ndarray, "N 2"]]],
    alike: Mapping[str, Mapping[int, float]],
    label: Int[np.ndarray, " N"],
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """The faces in the plane by epoch, a row for each variant (Fig. 9).

    alike: share of neighbours with the same label, by variant and epoch
    """
    columns = max(len(epochs) for epochs in planes.values())
    many = len(label) * columns * len(planes) > MANY
    looks = _looks(len(classes))
    with page(path, WIDTH, len(planes) * (WIDTH / max(columns, 3) + 0.3) + 1.0) as figure:
        heading(figure, title)
        grid = figure.subplots(len(planes), columns, squeeze=False)
        for row, (name, epochs) in zip(grid, planes.items(), strict=True):
            row[0].set_ylabel(name, fontsize=9)
            for axes in row[len(epochs) :]:
                axes.set_axis_off()
            for axes, (epoch, plane) in zip(row, epochs.items(), strict=False):
                _scatter(axes, plane, label, looks, many)
                axes.set_title(f"epoch {epoch}: {100 * alike[name][epoch]:.0f} %", fontsize=9)
        keys = [
            Line2D([], [], ls="", marker=mark, c=colour, markersize=5, label=name)
            for name, (mark, colour) in zip(classes, looks, strict=True)
        ]
        figure.legend(
            handles=keys,
            loc="outside lower center",
            ncols=min(len(keys), 4),
            title="percentages: nearest neighbours with the same label, before the projection",
            title_fontsize=8,
            fontsize=8,
        )


def _scatter(
    axes: Axes,
    plane: Float[np.ndarray, "N 2"],
    label: Int[np.ndarray, " N"],
    looks: Sequence[tuple[str, str]],
    many: bool,
) -> None:
    """The faces, those of frequent classes below those of rare ones."""
    size = float(np.clip(4000 / len(label), 3, 20))
    frequency = np.bincount(label, minlength=len(looks))
    for place in np.argsort(-frequency, kind="stable").tolist():
        mark, colour = looks[place]
        x, y = plane[label == place].T
        axes.scatter(x, y, s=size, marker=mark, c=colour, alpha=0.7, lw=0, rasterized=many)
    axes.set(xticks=[], yticks=[])
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
