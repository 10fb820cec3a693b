"""Prediction tables written by hand, for the tests of scores and of the summary."""

from collections.abc import Sequence

import numpy as np
import polars as pl

CLASSES = ("neutral", "happiness", "anger")


def table(
    label: Sequence[int],
    predicted: Sequence[int],
    group: Sequence[int] | None = None,
    unique: Sequence[bool] | None = None,
    classes: Sequence[str] = CLASSES,
    target: Sequence[Sequence[float]] | None = None,
    probability: np.ndarray | None = None,
    first: int = 10,
) -> pl.DataFrame:
    """Predictions on images whose rows begin at `first`; without more with probability 0.8 for the
    predicted class, and with one-hot targets.
    """
    images, width = len(label), len(classes)
    if probability is None:
        probability = np.full((images, width), 0.2 / (width - 1), dtype=np.float32)
        probability[np.arange(images), predicted] = 0.8
    shares = np.eye(width)[list(label)] if target is None else np.array(target)
    kind = pl.Enum(classes)
    return pl.DataFrame(
        {
            "row": pl.Series(range(first, first + images), dtype=pl.Int64),
            "group": pl.Series(group or range(images), dtype=pl.Int64),
            "unique": pl.Series(unique or [True] * images, dtype=pl.Boolean),
            "label": pl.Series([classes[one] for one in label], dtype=kind),
            "predicted": pl.Series([classes[one] for one in predicted], dtype=kind),
            "probability": pl.Series(
                probability.astype(np.float32), dtype=pl.Array(pl.Float32, width)
            ),
            "target": pl.Series(shares.astype(np.float32), dtype=pl.Array(pl.Float32, width)),
        }
    )
