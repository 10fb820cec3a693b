"""The style of all figures: pages, panels, colours, legends and text."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage

from clfer.figures.palette import BLACK, COLOURS
from clfer.files import replacing

DPI = 150
WIDTH = 7.2  # inches: both columns of a printed page
FORMATS = (".png", ".svg")
# Metadata that matplotlib would write: its version, the date.
NO_METADATA = {
    ".png": {"Software": None},
    ".svg": {"Creator": None, "Date": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
}
DARK = 55  # percent from which on a cell is dark enough for white letters

STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "text.parse_math": False,  # or what stands between two dollars of a name would be a formula
    "svg.fonttype": "none",  # letters stay letters: a quarter of the size, and can be searched
    "svg.hashsalt": "clfer",  # names of parts within the file, random otherwise
}


@contextmanager
def page(path: Path, width: float, height: float, layout: str = "constrained") -> Iterator[Figure]:
    """A figure of width x height inches, written to `path` when the block ends well: as SVG or PDF
    where its suffix says so, else as PNG.

    The same content gives the same bytes: the user's matplotlibrc and matplotlib's lines on its
    version and the date are left out, and no global state of pyplot is touched.
    """
    suffix = path.suffix.lower() if path.suffix.lower() in NO_METADATA else ".png"
    with style.context(["default", STYLE], after_reset=True):
        figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]
        FigureCanvasAgg(figure)
        yield figure
        with replacing(path) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=DPI, metadata=NO_METADATA[suffix])


def both(draw: Callable[[Path], None], path: Path) -> list[Path]:
    """Draw once for each of FORMATS, to `path` with that suffix; the paths."""
    written = [path.with_suffix(suffix) for suffix in FORMATS]
    for one in written:
        draw(one)
    return written


def heading(figure: Figure | SubFigure, title: str, size: int = 10) -> None:
    """A title above all panels."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=size, fontweight="bold")


def panels(figure: Figure | SubFigure, count: int, columns: int, **shared: Any) -> list[Axes]:
    """`count` axes in rows of at most `columns`; what is left of the last row stays empty."""
    columns = max(min(columns, count), 1)
    grid = figure.subplots(-(-count // columns), columns, squeeze=False, **shared).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return list(grid[:count])


def picture(axes: Axes, pixels: Any) -> None:
    """A picture in colour, or in grey of 0 to 255, without ticks and frame."""
    grey = pixels.shape[2:] == (1,)
    axes.imshow(pixels[..., 0] if grey else pixels, cmap="gray", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """A row for each name, in at most two lines, the first on top."""
    lines = [fill(name, 24, max_lines=2, placeholder="…") for name in names]
    small = any("\n" in words for words in lines)
    axes.set_yticks(range(len(names)), lines, fontsize=7 if small else 9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def heat_map(
    axes: Axes,
    percent: Float[np.ndarray, "R K"],
    columns: Sequence[str],
    rows: Sequence[str],
    size: int,
    text: Callable[[int, int], str],
) -> AxesImage:
    """Shades of percentages under names on both axes, with `text` of row and column where it is not
    empty; the image, for a colour bar.
    """
    image = axes.imshow(percent, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(percent.shape):
        ink = "white" if percent[row, column] > DARK else "black"
        words = text(row, column)
        axes.text(column, row, words, ha="center", va="center", color=ink, fontsize=size)
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.spines[:].set_visible(True)
    axes.tick_params(length=0)
    return image


def whole(percent: float) -> str:
    """A percentage above 0 without decimals, and never as 0."""
    return f"{percent:.0f}" if percent >= 0.5 else "<1"


class Stroke(NamedTuple):
    """How the lines of one variant look."""

    colour: str
    line: Literal["solid", "dashed"]


def strokes(names: Sequence[str], baseline: str) -> dict[str, Stroke]:
    """A look for each name: black for the baseline, dashed once the colours run out, so that
    sixteen names beside the baseline differ.
    """
    looks = {name: Stroke(BLACK, "solid") for name in names}
    for place, name in enumerate(name for name in names if name != baseline):
        again, colour = divmod(place, len(COLOURS))
        looks[name] = Stroke(COLOURS[colour], "dashed" if again % 2 else "solid")
    return looks


def group_names(count: int) -> list[str]:
    """Of semantic groups, from the top of the face to its bottom."""
    ends = {1: " (top)", count: " (bottom)"}
    return [f"group {k}{ends.get(k, '')}" for k in range(1, count + 1)]
