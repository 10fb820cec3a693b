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
) -> pl.DataFrame:
    """Predictions with probability 0.8 for the predicted class; one-hot targets unless given."""
    images, width = len(label), len(classes)
    probability = np.full((images, width), 0.2 / (width - 1), dtype=np.float32)
    probability[np.arange(images), predicted] = 0.8
    shares = np.eye(width)[list(label)] if target is None else np.array(target)
    kind = pl.Enum(classes)
    return pl.DataFrame(
        {
            "row": pl.Series(range(10, 10 + images), dtype=pl.Int64),
            "group": pl.Series(group or range(images), dtype=pl.Int64),
            "unique": pl.Series(unique or [True] * images, dtype=pl.Boolean),
            "label": pl.Series([classes[one] for one in label], dtype=kind),
            "predicted": pl.Series([classes[one] for one in predicted], dtype=kind),
            "probability": pl.Series(probability, dtype=pl.Array(pl.Float32, width)),
            "target": pl.Series(shares.astype(np.float32), dtype=pl.Array(pl.Float32, width)),
        }
    )
