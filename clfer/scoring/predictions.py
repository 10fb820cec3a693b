"""The table of predictions that a run is scored from, and what it must be."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from clfer.errors import InputError

COLUMNS = ("row", "group", "unique", "label", "predicted", "probability", "target")
# Softmax in float32 sums to 1 within this.
SLACK = 1e-3


def class_names(predictions: pl.DataFrame) -> list[str]:
    """The classes in the order of their codes."""
    kind = predictions.schema["label"]
    assert isinstance(kind, pl.Enum), kind
    return [str(name) for name in kind.categories]


def codes(predictions: pl.DataFrame, column: str) -> Int[np.ndarray, " N"]:
    """An Enum column as numbers 0..C-1."""
    return predictions[column].to_physical().to_numpy().astype(np.int64)


def confidence(
    predictions: pl.DataFrame,
) -> tuple[Float[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
    """The top probability of every image, and whether the prediction is right."""
    right = codes(predictions, "label") == codes(predictions, "predicted")
    return predictions["probability"].to_numpy().max(axis=1), right


def check(predictions: pl.DataFrame) -> None:
    """Raise InputError unless the table keeps the contract of `clfer.scoring.scores.scores`."""
    missing = [column for column in COLUMNS if column not in predictions.columns]
    if missing:
        raise InputError(f"predictions lack the column {missing[0]}; evaluate the run again")
    if predictions.is_empty():
        raise InputError("predictions hold no image; look at the test split")
    for column in COLUMNS:
        if predictions[column].null_count():
            raise InputError(f"predictions, column {column}: has nulls; evaluate the run again")
    if predictions["row"].is_duplicated().any():
        raise InputError("predictions, column row: one row stands twice; evaluate the run again")
    check_classes(predictions)
    for column in ("probability", "target"):
        check_distributions(predictions, column)
    check_top(predictions)


def check_classes(predictions: pl.DataFrame) -> None:
    """Raise InputError unless labels and predictions are of one Enum."""
    kinds = (predictions.schema["label"], predictions.schema["predicted"])
    if not isinstance(kinds[0], pl.Enum) or kinds[0] != kinds[1]:
        raise InputError(
            f"predictions: label and predicted must be Enums of the same classes, "
            f"found {kinds[0]} and {kinds[1]}; evaluate the run again"
        )


def check_distributions(predictions: pl.DataFrame, column: str) -> None:
    """Raise InputError unless each row of the column is a distribution over the classes."""
    values, classes = predictions[column].to_numpy(), len(class_names(predictions))
    if values.shape != (len(predictions), classes):
        raise InputError(
            f"predictions, column {column}: {classes} numbers expected in each row, one a class; "
            f"found shape {values.shape}; evaluate the run again"
        )
    # NaN fails both comparisons.
    sound = (values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) <= SLACK)
    if not sound.all():
        worst = int(np.argmin(sound))
        raise InputError(
            f"predictions, column {column}, row {predictions['row'][worst]}: not a distribution "
            f"({values[worst].tolist()}); evaluate the run again"
        )


def check_top(predictions: pl.DataFrame) -> None:
    """Raise InputError unless every predicted class has its row's highest probability."""
    values = predictions["probability"].to_numpy()
    given = values[np.arange(len(values)), codes(predictions, "predicted")]
    if (given < values.max(axis=1)).any():
        worst = predictions["row"][int(np.argmax(given < values.max(axis=1)))]
        raise InputError(
            f"predictions, row {worst}: the predicted class is not the most probable one; "
            f"evaluate the run again"
        )
