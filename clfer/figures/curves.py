"""Curves of training: accuracy, losses and gradients by epoch."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from clfer.figures.style import WIDTH, Stroke, heading, legend_below, page, strokes

BASELINE = "baseline"  # the variant that is drawn in black
THIN, BOLD = 0.6, 1.6
PANELS = 2  # of a row of learning intensities

LOSS = (
    "Mean cross-entropy over the epochs, on the augmented training faces in training mode (left) "
    "and on the validation faces (right); thin lines are seeds, bold ones their mean. The "
    "contrastive terms, which only some variants have and which are negative, are left out."
)
INTENSITY = (
    "Learning intensity over the epochs: the norm of the gradient of an image's loss with respect "
    "to the features of each block, averaged over the training images, on a logarithmic axis; "
    "thin lines are seeds, bold ones their mean."
)
INTENSITY_OF_GROUPS = (
    " Right, the same with respect to a single channel of block {block}, averaged over the "
    "channels of a semantic group: those that resemble the same deep channels, ordered by where on "
    "the face these respond."
)

Histories = Mapping[str, Sequence[pl.DataFrame]]  # of each variant, a `history.csv` per seed


def draw_history(histories: Histories, path: Path) -> None:
    """Validation accuracy and the gradient that reaches each block, a colour for each variant and a
    thin line for each seed.

    Columns used: `epoch`, `val_accuracy` (a fraction), `gradient_1` .. `gradient_4` (norms, on one
    logarithmic axis).
    """
    looks = strokes(list(histories), BASELINE)
    with page(path, 9.5, 4.6) as figure:
        grid = figure.add_gridspec(2, 3, width_ratios=(5, 3, 3))
        accuracy = figure.add_subplot(grid[:, 0])
        accuracy.set_title("validation accuracy (%)")
        accuracy.set_xlabel("epoch")
        _seeds(accuracy, histories, "val_accuracy", 100, looks)
        first = figure.add_subplot(grid[0, 1])
        places = (grid[0, 2], grid[1, 1], grid[1, 2])
        blocks = [first, *(figure.add_subplot(one, sharex=first, sharey=first) for one in places)]
        for block, axes in enumerate(blocks, start=1):
            _seeds(axes, histories, f"gradient_{block}", 1, looks)
            axes.set_title(f"gradient norm, block {block}")
            axes.set_yscale("log")
            axes.tick_params(labelleft=block in (1, 3), labelbottom=block in (3, 4))
            axes.set_xlabel("epoch" if block in (3, 4) else "")
        _legend(figure, looks, columns=8)


def draw_loss(histories: Histories, title: str, path: Path) -> None:
    """Training and validation loss by epoch, in nats (Fig. 12). Columns used: `epoch`, `loss_cls`,
    `val_loss`.
    """
    looks = strokes(list(histories), BASELINE)
    with page(path, WIDTH, 3.0) as figure:
        heading(figure, title)
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, column, name in (
            (left, "loss_cls", "training"),
            (right, "val_loss", "validation"),
        ):
            _seeds_and_mean(axes, histories, column, looks)
            axes.set_title(f"{name} loss")
            axes.set_xlabel("epoch")
        left.set_ylabel("cross-entropy (nats)")
        _legend(figure, looks, columns=6, lw=BOLD)


def draw_intensity(histories: Histories, block: int | None, title: str, path: Path) -> None:
    """How strongly the loss teaches each block, and at the right each semantic group of `block`,
    where that is given (Fig. 1a, 5). All frames have the columns of the first one.
    """
    looks = strokes(list(histories), BASELINE)
    first = next(iter(histories.values()))[0]
    left = {f"block {j}": column for j, column in enumerate(block_columns(first), start=1)}
    groups = [] if block is None else group_columns(first, block)
    ends = {1: " (top)", len(groups): " (bottom)"}
    right = {f"group {k}{ends.get(k, '')}": c for k, c in enumerate(groups, start=1)}
    rows = -(-max(len(left), len(right)) // PANELS)
    with page(path, WIDTH, 1.0 + 1.4 * rows) as figure:
        heading(figure, title)
        halves = figure.subfigures(1, 2 if right else 1, squeeze=False, wspace=0.03)[0]
        _panels(halves[0], "gradient norm of a block", histories, left, looks)
        if right:
            name = f"gradient norm of a channel of block {block}"
            _panels(halves[1], name, histories, right, looks)
        _legend(figure, looks, columns=6, lw=BOLD)


def block_columns(history: pl.DataFrame) -> list[str]:
    """The columns with the gradient of each block, the shallowest first."""
    return [column for column in history.columns if re.fullmatch(r"gradient_\d+", column)]


def group_columns(history: pl.DataFrame, block: int) -> list[str]:
    """The columns with the gradient of each semantic group of a block, from the top of the face to
    its bottom; none for the deepest block, nor in a history of before these were recorded.
    """
    pattern = rf"gradient_{block}_group_\d+"
    return [column for column in history.columns if re.fullmatch(pattern, column)]


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


def _seeds(
    axes: Axes, histories: Histories, column: str, scale: int, looks: Mapping[str, Stroke]
) -> None:
    """A line for each seed, times `scale`; a missing value leaves a gap."""
    for name, frames in histories.items():
        for frame in frames:
            values = scale * frame[column].cast(pl.Float64).to_numpy()
            _line(axes, frame["epoch"].to_numpy(), values, looks[name], lw=0.9, alpha=0.85)
    _frame(axes)


def _seeds_and_mean(
    axes: Axes, histories: Histories, column: str, looks: Mapping[str, Stroke]
) -> None:
    """A thin line for each seed, where there are several, and a bold one for their mean."""
    for name, frames in histories.items():
        for frame in frames if len(frames) > 1 else ():
            values = frame[column].cast(pl.Float64).to_numpy()
            colour, line = looks[name]
            axes.plot(frame["epoch"], values, c=colour, ls=line, lw=THIN, alpha=0.5)
        _line(axes, *mean(frames, column), looks[name], lw=BOLD)
    _frame(axes)


def _line(
    axes: Axes,
    epochs: Int[np.ndarray, " E"],
    values: Float[np.ndarray, " E"],
    look: Stroke,
    **style: Any,
) -> None:
    dot = "o" if len(epochs) == 1 else None  # a single epoch has no line to see
    axes.plot(epochs, values, c=look.colour, ls=look.line, marker=dot, markersize=3, **style)


def _frame(axes: Axes) -> None:
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _panels(
    half: SubFigure,
    title: str,
    histories: Histories,
    columns: Mapping[str, str],
    looks: Mapping[str, Stroke],
) -> None:
    """A panel for each column under its name, on one logarithmic axis; numbers stand at the outer
    ones.
    """
    half.suptitle(title, x=0.03, ha="left", fontsize=9)
    grid = half.subplots(
        -(-len(columns) // PANELS), PANELS, squeeze=False, sharex=True, sharey=True
    )
    for axes, (name, column) in zip(grid.ravel(), columns.items(), strict=False):
        _seeds_and_mean(axes, histories, column, looks)
        axes.set_title(name, fontsize=9)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(labelsize=8)
    for axes in grid.ravel()[len(columns) :]:
        axes.set_axis_off()
    for axes in grid[-1]:
        axes.set_xlabel("epoch")


def _legend(figure: Figure, looks: Mapping[str, Stroke], columns: int, **style: Any) -> None:
    """The names of the variants, below all panels."""
    keys = [
        Line2D([], [], c=look.colour, ls=look.line, label=name, **style)
        for name, look in looks.items()
    ]
    legend_below(figure, keys, columns)
