"""Curves of training: accuracy, losses and gradients by epoch."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator

from clfer.figures import style
from clfer.figures.style import WIDTH

BASELINE = "baseline"  # the variant that is drawn in black
THIN, BOLD = 0.6, 1.6

LOSS = (
    "Mean cross-entropy over the epochs, on the augmented training faces in training mode (left) "
    "and on the validation faces (right); thin lines are seeds, bold ones their mean. The "
    "contrastive terms, which only some variants have and which are negative, are left out."
)
INTENSITY = (
    "Learning intensity over the epochs: the norm of the gradient of an image's loss with respect "
    "to the features of each block, averaged over the labelled training images, on a logarithmic "
    "axis; thin lines are seeds, bold ones their mean."
)
INTENSITY_OF_GROUPS = (
    " Right, the same with respect to a single channel of block {block}, averaged over the "
    "channels of a semantic group: those that resemble the same deep channels, ordered by where on "
    "the face these respond; dotted: over all channels, as groups drawn at random would have it."
)

Histories = Mapping[str, Sequence[pl.DataFrame]]  # of each variant, a `history.csv` per seed


def draw_history(histories: Histories, path: Path) -> None:
    """Validation accuracy, and the gradient norm of each block. Columns used: `epoch`,
    `val_accuracy` (a fraction), `gradient_1` .. `gradient_4`.
    """
    with style.page(path, 9.5, 4.6) as figure:
        left, right = figure.subfigures(1, 2, width_ratios=(5, 6), squeeze=False)[0]
        accuracy = left.subplots()
        accuracy.set(title="validation accuracy (%)", xlabel="epoch")
        _lines(accuracy, histories, "val_accuracy", scale=100)
        norms = {f"gradient norm, block {j}": f"gradient_{j}" for j in range(1, 5)}
        _gradients(right, histories, norms)
        legend(figure, histories, columns=8)


def draw_loss(histories: Histories, title: str, path: Path) -> None:
    """Training and validation loss by epoch, in nats (Fig. 12). Columns used: `epoch`, `loss_cls`,
    `val_loss`.
    """
    with style.page(path, WIDTH, 3.0) as figure:
        style.heading(figure, title)
        left, right = figure.subplots(1, 2, sharey=True)
        _lines(left, histories, "loss_cls")
        _lines(right, histories, "val_loss")
        left.set(title="training loss", xlabel="epoch", ylabel="cross-entropy (nats)")
        right.set(title="validation loss", xlabel="epoch")
        legend(figure, histories, columns=6)


def draw_intensity(histories: Histories, block: int | None, title: str, path: Path) -> None:
    """How strongly the loss teaches each block, and at the right each semantic group of `block`,
    where that is given (Fig. 1a, 5). All frames have the columns of the first one.
    """
    first = next(iter(histories.values()))[0]
    blocks = {f"block {j}": column for j, column in enumerate(block_columns(first), start=1)}
    columns = [] if block is None else group_columns(first, block)
    groups = dict(zip(style.group_names(len(columns)), columns, strict=True))
    rows = -(-max(len(blocks), len(groups)) // 2)
    with style.page(path, WIDTH, 1.0 + 1.4 * rows) as figure:
        style.heading(figure, title)
        halves = figure.subfigures(1, 2 if groups else 1, squeeze=False, wspace=0.03)[0]
        _gradients(halves[0], histories, blocks, "gradient norm of a block")
        if groups:
            name = f"gradient norm of a channel of block {block}"
            _gradients(halves[1], histories, groups, name, f"gradient_{block}_channel")
        legend(figure, histories, columns=6)


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


def _lines(axes: Axes, histories: Histories, column: str, scale: int = 1) -> None:
    """A thin line for each seed, where there are several, and a bold one for their mean; a missing
    value leaves a gap.
    """
    looks = style.strokes(list(histories), BASELINE)
    for name, frames in histories.items():
        colour, line = looks[name]
        for frame in frames if len(frames) > 1 else ():
            values = scale * frame[column].cast(pl.Float64).to_numpy()
            axes.plot(frame["epoch"], values, c=colour, ls=line, lw=THIN, alpha=0.5)
        epochs, means = mean(frames, column)
        dot = "o" if len(epochs) == 1 else None  # a single epoch has no line to see
        axes.plot(epochs, scale * means, c=colour, ls=line, lw=BOLD, marker=dot, markersize=3)
    axes.grid()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _gradients(
    part: SubFigure,
    histories: Histories,
    columns: Mapping[str, str],
    title: str | None = None,
    beside: str | None = None,
) -> None:
    """A panel for each column under its name, two in a row, on one logarithmic axis.

    beside: a column whose mean is dotted in all of them, where the histories have it.
    """
    if title:
        part.suptitle(title, x=0.03, ha="left", fontsize=9)
    grid = style.panels(part, len(columns), 2, sharex=True, sharey=True)
    for axes, (name, column) in zip(grid, columns.items(), strict=True):
        _lines(axes, histories, column)
        for variant, frames in histories.items():
            if beside and all(beside in frame.columns for frame in frames):
                colour = style.strokes(list(histories), BASELINE)[variant].colour
                axes.plot(*mean(frames, beside), c=colour, ls=":", lw=1)
        axes.set_title(name, fontsize=9)
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.tick_params(labelsize=8)
    for axes in grid[-2:]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)


def legend(figure: Figure, variants: Iterable[str], columns: int) -> None:
    """The variants below all panels, in at most `columns` columns, fewer where these are wide."""
    keys = [
        Line2D([], [], c=look.colour, ls=look.line, lw=BOLD, label=name)
        for name, look in style.strokes(list(variants), BASELINE).items()
    ]
    for fewer in range(min(len(keys), columns), 0, -1):
        below = figure.legend(handles=keys, loc="outside lower center", ncols=fewer)
        if fewer == 1 or below.get_window_extent().width <= figure.bbox.width:
            return
        below.remove()
