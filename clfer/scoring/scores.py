"""The scores of one run, from its predictions on the test images."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from clfer.errors import InputError
from clfer.scoring import calibration, counts, sampling

CONFIDENCE = 0.95
COLUMNS = ("row", "group", "unique", "label", "predicted", "probability", "target")
# Softmax in float32 sums to 1 within this.
SLACK = 1e-3


def scores(predictions: pl.DataFrame) -> dict[str, Any]:
    """Every score of one run as plain JSON values; nothing is rounded, accuracies are fractions.

    predictions: one line per test image. `row` Int64; `group` Int64, equal for copies of one image;
    `unique` Boolean, no identical image in another split; `label` and `predicted` Enum of the
    classes; `probability` and `target` Array(Float32, C), the model's and the raters' distribution.
    `accuracy_ci95` is Wilson's interval and takes images as independent; `accuracy_se` takes copies
    of one image as one. `duplicate_free` repeats the headline for the unique images alone, or is
    null without any. Raises InputError when the table breaks this contract.
    """
    check(predictions)
    classes = class_names(predictions)
    unique = predictions.filter("unique")
    table = confusion(predictions)
    return {
        **headline(predictions),
        "classes": classes,
        "per_class": dict(zip(classes, per_class(table), strict=True)),
        "confusion": table.tolist(),
        "duplicate_free": None if unique.is_empty() else headline(unique),
    }


def headline(predictions: pl.DataFrame) -> dict[str, Any]:
    """The scores that are one number, for the given images (at least one)."""
    table = confusion(predictions)
    right = (predictions["label"] == predictions["predicted"]).to_numpy()
    label, predicted = codes(predictions, "label"), codes(predictions, "predicted")
    probability = predictions["probability"].to_numpy()
    influence = sampling.of_accuracy(label, predicted, len(table))
    return {
        "images": len(predictions),
        "accuracy": counts.accuracy(table),
        "accuracy_ci95": list(counts.wilson(int(right.sum()), len(right), CONFIDENCE)),
        "accuracy_se": sampling.standard_error(influence, predictions["group"].to_numpy()),
        "uar": counts.uar(table),
        "macro_f1": counts.macro_f1(table),
        "kappa": counts.kappa(table),
        "ece": calibration.expected_calibration_error(probability.max(axis=1), right),
        "nll": calibration.negative_log_likelihood(probability, label),
        "kl": calibration.divergence(predictions["target"].to_numpy(), probability),
    }


def per_class(table: Int[np.ndarray, "C C"]) -> list[dict[str, Any]]:
    """Support, recall with its Wilson interval, precision and F1 of each class, in class order."""
    hits, images = np.diag(table).tolist(), counts.support(table).tolist()
    columns = (counts.recall(table), counts.precision(table), counts.f1(table))
    return [
        {
            "support": total,
            "recall": float(recall),
            "recall_ci95": list(counts.wilson(hit, total, CONFIDENCE)),
            "precision": float(precision),
            "f1": float(f1),
        }
        for hit, total, recall, precision, f1 in zip(hits, images, *columns, strict=True)
    ]


def class_names(predictions: pl.DataFrame) -> list[str]:
    """The classes in the order of their codes."""
    kind = predictions.schema["label"]
    assert isinstance(kind, pl.Enum), kind
    return [str(name) for name in kind.categories]


def codes(predictions: pl.DataFrame, column: str) -> Int[np.ndarray, " N"]:
    """An Enum column as numbers 0..C-1."""
    return predictions[column].to_physical().to_numpy().astype(np.int64)


def confusion(predictions: pl.DataFrame) -> Int[np.ndarray, "C C"]:
    """The confusion counts of a table of predictions."""
    classes = len(class_names(predictions))
    return counts.confusion(codes(predictions, "label"), codes(predictions, "predicted"), classes)


def check(predictions: pl.DataFrame) -> None:
    """Raise InputError unless the table of predictions keeps the contract of `scores`."""
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
