"""The scores of one run, from its table of predictions on the test images.

A table has one line per test image. `row` Int64; `group` Int64, equal for copies of one image;
`unique` Boolean, no identical image in another split; `label` and `predicted` Enum of the classes;
`probability` and `target` Array(Float32, C), the model's and the raters' distribution.
"""

import math
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from clfer.errors import InputError
from clfer.scoring import calibration, counts
from clfer.scoring.comparison import interval

COLUMNS = ("row", "group", "unique", "label", "predicted", "probability", "target")
TOLERANCE = 1e-3  # softmax in float32 sums to 1 within this


def scores(predictions: pl.DataFrame) -> dict[str, Any]:
    """Every score of one run as plain JSON values; nothing is rounded, accuracies are fractions.

    `duplicate_free` has the scores of the unique images alone, or is null without any. `kl` and
    `top2` compare with the raters' votes and are null where every target is a single class, that
    is where no votes are known. Raises InputError when the table is not as described above.
    """
    check(predictions)
    unique = predictions.filter("unique")
    votes = calibration.has_votes(predictions["target"].to_numpy())
    return {
        **_scores(predictions, votes),
        "classes": class_names(predictions),
        "duplicate_free": None if unique.is_empty() else _scores(unique, votes),
    }


def _scores(predictions: pl.DataFrame, votes: bool) -> dict[str, Any]:
    """The scores on the given images (at least one); `votes` says whether they are known.

    `accuracy_ci95` is Wilson's interval and takes images as independent; `accuracy_se` and the
    intervals of UAR, macro-F1 and ECE, which are no shares, take copies of one image as one. They
    are null where nothing varies. `reliability` holds the bins of `calibration.reliability`, a list
    for each column.
    """
    label, predicted = codes(predictions, "label"), codes(predictions, "predicted")
    names, group = class_names(predictions), predictions["group"].to_numpy()
    table = counts.confusion(label, predicted, len(names))
    value, influence = {}, {}
    for metric, (score, move) in counts.METRICS.items():
        value[metric] = score(label, predicted, len(names))
        influence[metric] = move(label, predicted, len(names))
    probability, target = (predictions[one].to_numpy() for one in ("probability", "target"))
    sure, right = confidence(predictions)
    ece = calibration.expected_calibration_error(sure, right)
    bins = calibration.reliability(sure, right, calibration.BINS)
    variance = counts.variance(influence["accuracy"], group)
    return {
        "images": len(predictions),
        "accuracy": value["accuracy"],
        "accuracy_ci95": list(counts.wilson(int(np.trace(table)), len(predictions))),
        "accuracy_se": None if variance is None else math.sqrt(variance),
        "uar": value["uar"],
        "uar_ci95": _interval(value["uar"], influence["uar"], group),
        "macro_f1": value["macro_f1"],
        "macro_f1_ci95": _interval(value["macro_f1"], influence["macro_f1"], group),
        "kappa": counts.kappa(label, predicted),
        "ece": ece,
        "nll": calibration.negative_log_likelihood(probability, label),
        "kl": calibration.divergence(target, probability) if votes else None,
        "top2": calibration.top2(target, predicted) if votes else None,
        "reliability": {name: column.tolist() for name, column in bins._asdict().items()},
        "ece_ci95": _interval(ece, calibration.ece_influence(sure, right), group),
        "per_class": dict(zip(names, _per_class(label, predicted, len(names)), strict=True)),
        "confusion": table.tolist(),
    }


def _per_class(label: counts.Codes, predicted: counts.Codes, classes: int) -> list[dict[str, Any]]:
    """Support, recall and precision with Wilson's intervals, and F1 of each class, in their order.

    F1 is no share of images and has no such interval.
    """
    hits = np.bincount(label[label == predicted], minlength=classes)
    columns = (hits, *counts.per_class(label, predicted, classes))
    return [
        {
            "support": support,
            "recall": recall,
            "recall_ci95": list(counts.wilson(hit, support)),
            "precision": precision,
            "precision_ci95": list(counts.wilson(hit, chosen)),
            "f1": f1,
        }
        for hit, precision, recall, f1, support, chosen in zip(
            *(column.tolist() for column in columns), strict=True
        )
    ]


def _interval(
    value: float, contributions: counts.Contributions, group: counts.Codes
) -> list[float] | None:
    """The 95 % interval of a score within [0, 1] for other images; None where nothing varies."""
    variance = counts.variance(contributions, group)
    whole = interval(np.array([value]), variance, len(np.unique(group)))
    return whole and whole.clipped


def predicted(
    images: pl.DataFrame, probability: Float[np.ndarray, "N C"], classes: tuple[str, ...]
) -> pl.DataFrame:
    """Test images with probabilities and the likeliest class of each."""
    best = [classes[i] for i in probability.argmax(1)]
    return images.with_columns(
        pl.Series("probability", probability, pl.Array(pl.Float32, len(classes))),
        pl.Series("predicted", best, pl.Enum(classes)),
    )


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


def rejected(predictions: pl.DataFrame, category: str, threshold: float) -> pl.DataFrame:
    """Predictions whose probability is below the threshold, answered with the category instead.

    Such an answer is a decision, not a distribution: its probability becomes 1.
    """
    classes = class_names(predictions)
    probability = predictions["probability"].to_numpy().copy()
    unsure = probability.max(axis=1) < threshold
    probability[unsure] = np.eye(len(classes), dtype=np.float32)[classes.index(category)]
    return predictions.with_columns(
        pl.Series("probability", probability, predictions.schema["probability"]),
        predicted=pl.when(pl.Series(unsure))
        .then(pl.lit(category, dtype=pl.Enum(classes)))
        .otherwise("predicted"),
    )


def check(predictions: pl.DataFrame) -> None:
    """Raise InputError unless the table is one of predictions, see above."""
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
    kinds = (predictions.schema["label"], predictions.schema["predicted"])
    if not isinstance(kinds[0], pl.Enum) or kinds[0] != kinds[1]:
        raise InputError(
            f"predictions: label and predicted must be Enums of the same classes, "
            f"found {kinds[0]} and {kinds[1]}; evaluate the run again"
        )
    for column in ("probability", "target"):
        _check_distributions(predictions, column)
    values = predictions["probability"].to_numpy()
    below = values[np.arange(len(values)), codes(predictions, "predicted")] < values.max(axis=1)
    if below.any():
        raise InputError(
            f"predictions, row {predictions['row'][int(np.argmax(below))]}: the predicted class is "
            "not the most probable one; evaluate the run again"
        )


def _check_distributions(predictions: pl.DataFrame, column: str) -> None:
    """Raise InputError unless each row of the column is a distribution over the classes."""
    values, classes = predictions[column].to_numpy(), len(class_names(predictions))
    if values.shape != (len(predictions), classes):
        raise InputError(
            f"predictions, column {column}: {classes} numbers expected in each row, one a class; "
            f"found shape {values.shape}; evaluate the run again"
        )
    # NaN fails both comparisons.
    valid = (values >= 0).all(axis=1) & (np.abs(values.sum(axis=1) - 1) <= TOLERANCE)
    if not valid.all():
        worst = int(np.argmin(valid))
        raise InputError(
            f"predictions, column {column}, row {predictions['row'][worst]}: not a distribution "
            f"({values[worst].tolist()}); evaluate the run again"
        )
