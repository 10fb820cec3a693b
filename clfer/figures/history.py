"""How training went: validation accuracy and the gradient that reaches each block."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from clfer.figures.page import Stroke, legend_below, page, strokes

BASELINE = "baseline"


def draw(histories: Mapping[str, Sequence[pl.DataFrame]], path: Path) -> None:
    """Draw the `history.csv` frames of each variant as PNG: a colour each, a thin line per seed.

    Columns used: `epoch`, `val_accuracy` (a fraction), `gradient_1` .. `gradient_4` (norms, on a
    logarithmic axis that the four panels share). A variant called baseline is black.
    """
    looks = strokes(list(histories), BASELINE)
    with page(path, 9.5, 4.6) as figure:
        grid = figure.add_gridspec(2, 3, width_ratios=(5, 3, 3))
        accuracy = figure.add_subplot(grid[:, 0])
        accuracy.set_title("validation accuracy (%)")
        accuracy.set_xlabel("epoch")
        lines(accuracy, histories, "val_accuracy", 100, looks)
        first = figure.add_subplot(grid[0, 1])
        places = (grid[0, 2], grid[1, 1], grid[1, 2])
        blocks = [first, *(figure.add_subplot(one, sharex=first, sharey=first) for one in places)]
        for block, axes in enumerate(blocks, start=1):
            lines(axes, histories, f"gradient_{block}", 1, looks)
            frame(axes, block)
        keys = [
            Line2D([], [], c=one.colour, ls=one.line, label=name) for name, one in looks.items()
        ]
        legend_below(figure, keys, columns=8)


def frame(axes: Axes, block: int) -> None:
    """Title and axes of one block's gradient; numbers stand at the outer panels alone."""
    axes.set_title(f"gradient norm, block {block}")
    axes.set_yscale("log")
    axes.tick_params(labelleft=block in (1, 3), labelbottom=block in (3, 4))
    axes.set_xlabel("epoch" if block in (3, 4) else "")


def lines(
    axes: Axes,
    histories: Mapping[str, Sequence[pl.DataFrame]],
    column: str,
    scale: int,
    looks: Mapping[str, Stroke],
) -> None:
    """One column of every history, times `scale`, by epoch; a missing value breaks the line."""
    for name, frames in histories.items():
        for table in frames:
            values = scale * table[column].cast(pl.Float64).to_numpy()
            # A single epoch has no line to see.
            marker = "o" if len(table) == 1 else None
            axes.plot(
                table["epoch"].to_numpy(),
                values,
                color=looks[name].colour,
                ls=looks[name].line,
                lw=0.9,
                alpha=0.85,
                marker=marker,
                markersize=3,
            )
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
