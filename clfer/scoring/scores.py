"""The scores of one run, from its predictions on the test images."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from clfer.scoring import calibration, counts, sampling
from clfer.scoring.comparison import CONFIDENCE, interval
from clfer.scoring.predictions import check, class_names, codes, confidence


def scores(predictions: pl.DataFrame) -> dict[str, Any]:
    """Every score of one run as plain JSON values; nothing is rounded, accuracies are fractions.

    predictions: one line per test image. `row` Int64; `group` Int64, equal for copies of one image;
    `unique` Boolean, no identical image in another split; `label` and `predicted` Enum of the
    classes; `probability` and `target` Array(Float32, C), the model's and the raters' distribution.
    `duplicate_free` has the scores of the unique images alone, or is null without any. `kl` and
    `top2` compare with the raters' votes and are null where every target is a single class, that
    is where no votes are known. Raises InputError when the table breaks this contract.
    """
    check(predictions)
    unique = predictions.filter("unique")
    rated = calibration.voted(predictions["target"].to_numpy())
    return {
        **on(predictions, rated),
        "classes": class_names(predictions),
        "duplicate_free": None if unique.is_empty() else on(unique, rated),
    }


def on(predictions: pl.DataFrame, rated: bool) -> dict[str, Any]:
    """The scores on the given images (at least one); `rated` says that votes are known.

    `accuracy_ci95` is Wilson's interval and takes images as independent; `accuracy_se` and the
    intervals of UAR, macro-F1 and ECE, which are no shares, take copies of one image as one. They
    are null where nothing varies.
    """
    label, predicted = codes(predictions, "label"), codes(predictions, "predicted")
    names, group = class_names(predictions), predictions["group"].to_numpy()
    table = counts.confusion(label, predicted, len(names))
    known = counts.per_class(label, predicted, len(names))
    uar, macro_f1 = counts.uar(known), counts.macro_f1(known)
    calibrated = of_probabilities(predictions, rated)
    move = {
        metric: influence(label, predicted, len(names))
        for metric, (_, influence) in sampling.METRICS.items()
    }
    return {
        "images": len(predictions),
        "accuracy": counts.accuracy(table),
        "accuracy_ci95": wilson(int(np.trace(table)), len(predictions)),
        "accuracy_se": sampling.standard_error(move["accuracy"], group),
        "uar": uar,
        "uar_ci95": of_images(uar, move["uar"], group),
        "macro_f1": macro_f1,
        "macro_f1_ci95": of_images(macro_f1, move["macro_f1"], group),
        "kappa": counts.kappa(label, predicted),
        **calibrated,
        "ece_ci95": of_images(
            calibrated["ece"], calibration.of_ece(*confidence(predictions)), group
        ),
        "per_class": dict(zip(names, per_class(table, known), strict=True)),
        "confusion": table.tolist(),
    }


def of_probabilities(predictions: pl.DataFrame, rated: bool) -> dict[str, Any]:
    """What the probabilities are worth: calibration, likelihood, and agreement with the votes.

    `reliability` holds the bins of `clfer.scoring.calibration.reliability`, a list for each column.
    """
    label, predicted = codes(predictions, "label"), codes(predictions, "predicted")
    probability = predictions["probability"].to_numpy()
    target = predictions["target"].to_numpy()
    sure, right = confidence(predictions)
    bins = calibration.reliability(sure, right, calibration.BINS)
    return {
        "ece": calibration.expected_calibration_error(sure, right),
        "nll": calibration.negative_log_likelihood(probability, label),
        "kl": calibration.divergence(target, probability) if rated else None,
        "top2": calibration.top2(target, predicted) if rated else None,
        "reliability": {name: column.tolist() for name, column in bins._asdict().items()},
    }


def per_class(table: Int[np.ndarray, "C C"], known: counts.PerClass) -> list[dict[str, Any]]:
    """Support, recall and precision with Wilson's intervals, and F1 of each class, in their order.

    F1 is no share of images and has no such interval.
    """
    return [
        {
            "support": support,
            "recall": recall,
            "recall_ci95": wilson(hits, support),
            "precision": precision,
            "precision_ci95": wilson(hits, chosen),
            "f1": f1,
        }
        for hits, precision, recall, f1, support, chosen in zip(
            *(column.tolist() for column in (np.diag(table), *known)), strict=True
        )
    ]


def wilson(right: int, total: int) -> list[float]:
    """Wilson's 95 % interval as JSON has it."""
    return list(counts.wilson(right, total, CONFIDENCE))


def of_images(
    value: float, contributions: sampling.Contributions, group: sampling.Labels
) -> list[float] | None:
    """The 95 % interval of a score within [0, 1] for other images; None where nothing varies."""
    variance = sampling.variance(contributions, group)
    found = interval(np.array([value]), variance, len(np.unique(group)))
    return None if found is None else [max(0.0, found.low), min(1.0, found.high)]
