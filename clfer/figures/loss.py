"""How the loss went in training and on validation faces (Fig. 12)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from clfer.figures.curves import BASELINE, curves, legend
from clfer.figures.page import WIDTH, heading, page, strokes

CAPTION = (
    "Mean cross-entropy over the epochs, on the augmented training faces in training mode (left) "
    "and on the validation faces (right); thin lines are seeds, bold ones their mean. The "
    "contrastive terms, which only some variants have and which are negative, are left out."
)


def draw(histories: Mapping[str, Sequence[pl.DataFrame]], title: str, path: Path) -> None:
    """Draw the `history.csv` frames of each variant, a frame per seed.

    Columns used: `epoch`, `loss_cls`, `val_loss`, both in nats on the same axis.
    """
    looks = strokes(list(histories), BASELINE)
    with page(path, WIDTH, 3.0) as figure:
        heading(figure, title)
        left, right = figure.subplots(1, 2, sharey=True)
        for axes, column, what in (
            (left, "loss_cls", "training"),
            (right, "val_loss", "validation"),
        ):
            curves(axes, histories, column, looks)
            axes.set_title(f"{what} loss")
            axes.set_xlabel("epoch")
        left.set_ylabel("cross-entropy (nats)")
        legend(figure, looks)
