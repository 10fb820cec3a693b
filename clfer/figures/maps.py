"""Maps over faces: what each block of a network and each semantic group of channels responds to."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

import matplotlib as mpl
import numpy as np
import polars as pl
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from clfer.figures.style import WIDTH, heading, page

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
CHANNELS = 4  # of each semantic group, as in the paper
GAP, WIDE = 0.06, 0.3  # of a picture's side: between two pictures, between two parts
SCALE = "response, within each map"
COLOURS = "magma"  # its lightness rises steadily: it reads in grey and to the colour-blind
# Inches: beside names of rows, the colour bar with its label, title and names of parts, below.
LEFT, RIGHT, ABOVE, BELOW = 0.2, 0.75, 0.6, 0.45
LETTER, LETTERS = 0.065, 20  # inches of a letter of those names, and letters of a line
LARGEST = 0.9  # of a picture
LINE, BAR, LONGEST = 0.15, 0.12, 2.5  # a second line of names; the bar's breadth and length


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
    parts = [faces[:, None], *(coloured(one) for one in maps.values())]
    columns = [
        f"block {j}\n{_digits(level)}"
        for one in levels.values()
        for j, level in enumerate(one, start=1)
    ]
    _draw(parts, ["face", *maps], labels, ["", *columns], title, path)


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
    groups = len(next(iter(maps.values())))
    pictures = np.ones((groups, 1, *face.shape))
    pictures[0, 0] = face
    parts = [pictures, *(coloured(one) for one in maps.values())]
    counts = [", ".join(map(str, sizes[name])) for name in maps]
    names = [f"{name}\n{count} channels" for name, count in zip(maps, counts, strict=True)]
    ranks = [f"{rank}." for one in maps.values() for rank in range(1, one.shape[1] + 1)]
    ends = {1: " (top)", groups: " (bottom)"}
    rows = [f"group {k}{ends.get(k, '')}" for k in range(1, groups + 1)]
    _draw(parts, ["face", *names], rows, ["", *ranks], title, path)


def examples(images: pl.DataFrame, count: int | None) -> pl.DataFrame:
    """The first image of each class in row order, then the second of each, and so on; the first
    `count` of these, or one for each class where that is None. Classes stand in their own order.

    images: columns `row`, `label` (an Enum)
    """
    turn = pl.int_range(pl.len()).over("label").alias("turn")
    ordered = images.sort("row").with_columns(turn).sort("turn", pl.col("label").to_physical())
    chosen = ordered.filter(pl.col("turn") == 0) if count is None else ordered.head(count)
    return chosen.drop("turn")


def _draw(
    parts: Sequence[Float[np.ndarray, "R _ S S 3"]],
    names: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Draw `parts` from left to right under their names, values in [0, 1].

    rows, columns: names of the rows, and of the columns of all parts
    """
    rows = [fill(name, LETTERS) for name in rows]
    beside = LEFT + LETTER * max(len(line) for name in rows for line in name.split("\n"))
    places = _spots(parts)
    across, down = places[-1] + 1, len(rows) + GAP * (len(rows) - 1)
    cell = min((WIDTH - beside - RIGHT) / across, LARGEST)
    above = ABOVE + LINE * max(name.count("\n") for name in names)
    width, height = beside + cell * across + RIGHT, above + cell * down + BELOW
    with page(path, width, height) as figure:
        figure.set_layout_engine("none")  # all sizes are known, and shall be kept
        heading(figure, title)
        box = (beside / width, BELOW / height, cell * across / width, cell * down / height)
        axes = figure.add_axes(box)
        _montage(axes, parts, names)
        axes.set_yticks([row * (1 + GAP) + 0.5 for row in range(len(rows))], rows, fontsize=8)
        axes.set_xticks([place + 0.5 for place in places], columns, fontsize=6.5)
        length = min(cell * down, LONGEST)
        low = BELOW + (cell * down - length) / 2
        left = beside + cell * across + BAR
        scale(figure, (left / width, low / height, BAR / width, length / height), SCALE)


def _spots(parts: Sequence[Float[np.ndarray, "R _ S S 3"]]) -> list[float]:
    """The left edge of each column of all parts, in sides of a picture."""
    places: list[float] = []
    edge = 0.0
    for part in parts:
        places += [edge + column * (1 + GAP) for column in range(part.shape[1])]
        edge = places[-1] + 1 + WIDE
    return places


def _montage(
    axes: Axes, parts: Sequence[Float[np.ndarray, "R _ S S 3"]], names: Sequence[str]
) -> None:
    """Put each picture on its place: a side is one unit long, the first row is the upper one."""
    places = iter(_spots(parts))
    across = down = 0.0
    for part, name in zip(parts, names, strict=True):
        edges = [next(places) for _ in range(part.shape[1])]
        for edge, column in zip(edges, range(part.shape[1]), strict=True):
            for row in range(len(part)):
                top = row * (1 + GAP)
                across, down = edge + 1, top + 1
                axes.imshow(part[row, column], extent=(edge, edge + 1, top + 1, top))
        middle = (edges[0] + edges[-1] + 1) / 2
        axes.text(middle, -0.08, name, ha="center", va="bottom", fontsize=9)
    axes.set(xlim=(0, across), ylim=(down, 0), aspect="auto")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def coloured(maps: Float[np.ndarray, "*batch S S"]) -> Float[np.ndarray, "*batch S S 3"]:
    """Values in [0, 1] as colours; white where they are NaN."""
    colours = mpl.colormaps[COLOURS].with_extremes(bad="white")
    found: Float[np.ndarray, "*batch S S 3"] = colours(np.ma.masked_invalid(maps))[..., :3]
    return found


def scale(figure: Figure, box: tuple[float, float, float, float], label: str) -> None:
    """The colour bar of `coloured`, and what it measures."""
    mapped = ScalarMappable(Normalize(0, 1), mpl.colormaps[COLOURS])
    bar = figure.colorbar(mapped, cax=figure.add_axes(box), ticks=[0, 0.5, 1])
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
