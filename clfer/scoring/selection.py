"""On which images the epoch of a model was chosen, and what choosing on the test images is worth.

The field keeps the epoch that is best on the test images and reports its accuracy on the same
images: a maximum over epochs, which flatters. `select: val` chooses on validation images.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from clfer.scoring.comparison import mean_std

# On which images an epoch is chosen.
VAL, TEST = "val", "test"


class SelectionGap(NamedTuple):
    """Two choices of one run's epoch, and the accuracy on the test images that each leads to.

    val_epoch is the best on validation, test_epoch the best on the test images. Epochs count from
    1; accuracies are fractions.
    """

    val_epoch: int
    val_accuracy: float
    test_epoch: int
    test_accuracy: float


def selection_gap(history: pl.DataFrame) -> SelectionGap | None:
    """Both choices from a `history.csv`; None where the test images were not looked at.

    Columns used: `epoch`, `val_accuracy`, `test_accuracy`. The first of equally good epochs counts.
    """
    if "test_accuracy" not in history.columns:
        return None
    rows = [
        history.row(int(np.argmax(history[f"{part}_accuracy"])), named=True) for part in (VAL, TEST)
    ]
    honest, flattered = ((int(row["epoch"]), float(row["test_accuracy"])) for row in rows)
    return SelectionGap(*honest, *flattered)


def selected_on(protocol: Any, on_test: bool) -> str:
    """The protocol's `selected_on`; of a protocol in words "test" where `on_test`, else "val"."""
    named = protocol.get("selected_on") if isinstance(protocol, Mapping) else None
    return str(named or (TEST if on_test else VAL))


def gap_over_seeds(gaps: Mapping[int, SelectionGap]) -> dict[str, Any] | None:
    """What choosing on the test images adds, over the seeds that looked at them; None without any.

    `accuracy` is the one of the epochs best on the test images, `honest` the one of the epochs best
    on validation, both on the test images; `gap` is the mean of their difference, at least 0. None
    has an interval, because a maximum over epochs is no sample of anything.
    """
    if not gaps:
        return None
    seeds = sorted(gaps)
    both = [gaps[seed] for seed in seeds]
    flattered = mean_std_values([one.test_accuracy for one in both])
    honest = mean_std_values([one.val_accuracy for one in both])
    return {
        "seeds": seeds,
        "val_epochs": [one.val_epoch for one in both],
        "test_epochs": [one.test_epoch for one in both],
        "accuracy": {**flattered, "ci95": None},
        "honest": honest,
        "gap": flattered["mean"] - honest["mean"],
    }


def mean_std_values(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation (None with one seed) and the values themselves."""
    mean, std = mean_std(np.array(values))
    return {"mean": mean, "std": std, "per_seed": values}
