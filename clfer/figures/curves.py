"""Columns of training histories as curves: a thin one for each seed, a bold one for their mean."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from clfer.figures.page import Stroke, legend_below

THIN, BOLD = 0.6, 1.6
BASELINE = "baseline"  # the variant that is drawn in black


def curves(
    axes: Axes,
    histories: Mapping[str, Sequence[pl.DataFrame]],
    column: str,
    looks: Mapping[str, Stroke],
) -> None:
    """One column of the `history.csv` frames of each variant by epoch; a missing value leaves a
    gap.
    """
    for name, frames in histories.items():
        look = looks[name]
        for frame in frames if len(frames) > 1 else ():
            values = frame[column].cast(pl.Float64).to_numpy()
            axes.plot(frame["epoch"], values, c=look.colour, ls=look.line, lw=THIN, alpha=0.5)
        epochs, values = mean(frames, column)
        dot = "o" if len(epochs) == 1 else None  # a single epoch has no line to see
        axes.plot(epochs, values, c=look.colour, ls=look.line, lw=BOLD, marker=dot, markersize=3)
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def mean(
    frames: Sequence[pl.DataFrame], column: str
) -> tuple[Int[np.ndarray, " E"], Float[np.ndarray, " E"]]:
    """Epochs that every frame has, and the mean over the frames there; NaN where one lacks it."""
    every = pl.concat([frame.select("epoch", pl.col(column).cast(pl.Float64)) for frame in frames])
    shared = every.group_by("epoch").agg(
        pl.when(pl.col(column).null_count() == 0).then(pl.col(column).mean()), n=pl.len()
    )
    shared = shared.filter(pl.col("n") == len(frames)).sort("epoch")
    return shared["epoch"].to_numpy(), shared[column].fill_null(float("nan")).to_numpy()


def legend(figure: Figure, looks: Mapping[str, Stroke]) -> None:
    """The names of the variants, below all panels."""
    keys = [
        Line2D([], [], c=look.colour, ls=look.line, lw=BOLD, label=name)
        for name, look in looks.items()
    ]
    legend_below(figure, keys, columns=6)
