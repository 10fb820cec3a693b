"""The expressions of a video over its time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import FuncFormatter, MaxNLocator

from clfer.figures.page import COLOURS, FAINT, WIDTH, page

HEIGHT = 4.2


def draw(
    probability: Float[np.ndarray, "T K"],
    faces: Float[np.ndarray, " T"],
    width: float,
    classes: Sequence[str],
    title: str,
    path: Path,
) -> None:
    """Stacked mean probabilities of the classes in each of T bins of `width` seconds, and below
    them how many faces a frame has; a gap where there is no face.
    """
    edges = np.arange(len(faces) + 1) * width
    with page(path, WIDTH, HEIGHT) as figure:
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        below = np.zeros(len(faces))
        for number, name in enumerate(classes):
            above = below + probability[:, number]
            upper.stairs(
                above,
                edges,
                baseline=below,
                fill=True,
                color=COLOURS[number % len(COLOURS)],
                label=name,
                lw=0,
            )
            below = above
        upper.set(ylim=(0, 1), ylabel="mean probability", title=title)
        lower.stairs(np.nan_to_num(faces), edges, color=FAINT)
        lower.set(xlim=(0, edges[-1]), xlabel="time (min:s)", ylabel="faces")
        lower.set_ylim(bottom=0)
        lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        lower.xaxis.set_major_formatter(FuncFormatter(lambda at, _: _clock(at)))
        figure.legend(*upper.get_legend_handles_labels(), loc="outside right upper")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:02.0f}" if rest == int(rest) else f"{minutes:.0f}:{rest:04.1f}"
