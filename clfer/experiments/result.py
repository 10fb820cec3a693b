"""The filled-in table of an experiment: paper, ours, interval, difference.

Notation: S seeds. Accuracies are fractions here, percent in the paper's numbers and in the text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from clfer.errors import InputError
from clfer.experiments.plan import DATASETS, Plan, Row
from clfer.experiments.scarcity import REJECTION, rejected
from clfer.scoring import family
from clfer.scoring.comparison import holm
from clfer.scoring.grid import Images, Run, Variant, gather, measure
from clfer.scoring.summary import spread

DIFFERENCE = ("difference", "ci95", "ci95_images", "p", "p_holm", "seeds")


def result(plan: Plan, runs: Sequence[Run], alpha: float) -> list[dict[str, Any]]:
    """One entry for each row of the plan, in its order.

    label, variant, paper {dataset: percent}; accuracy: a `spread` over the seeds; against: the
    variant it is compared with; difference (None without): mean over shared seeds, with the
    interval and p of the paired t, the interval for other test images as well, and Holm's p where
    the plan's comparisons are one family;
    class_recall: mean recall of the scarce class, where there is one. Raises InputError where a
    row has no run.
    """
    scarce = {row.variant: row.scarce for row in plan.rows if row.scarce and row.variant}
    answered = [_rejecting(run, scarce.get(run.variant)) for run in runs]
    images, found = gather(answered)
    variants = {one.name: one for one in found}
    missing = [name for name in plan.variants if name not in variants]
    if missing:
        raise InputError(f"{plan.title}: no run of {missing[0]} is given; train it first")
    entries = [_entry(row, images, variants, alpha) for row in plan.rows]
    if plan.family:
        tested = [one for one in entries if one["against"]]
        for entry, p in zip(tested, holm([one["p"] for one in tested]), strict=True):
            entry["p_holm"] = p
    return entries


def shown(plan: Plan, dataset: str) -> tuple[str, ...]:
    """The datasets whose published numbers stand in the table: this one's, or where there are none
    on it, all that there are.
    """
    known = [name for name in DATASETS if any(name in row.paper for row in plan.rows)]
    return (dataset,) if dataset in known else tuple(known)


def _rejecting(run: Run, category: str | None) -> Run:
    """The run with its unsure predictions taken for the category, if there is one."""
    if category is None:
        return run
    predictions = rejected(run.predictions, category, REJECTION)
    return Run(run.dataset, run.variant, run.seed, predictions)


def _entry(
    row: Row, images: Images, variants: Mapping[str, Variant], alpha: float
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "label": list(row.label),
        "variant": row.variant,
        "paper": dict(row.paper),
        "accuracy": None,
        "against": row.against,
        **dict.fromkeys(DIFFERENCE),
    }
    if row.variant is None:
        return entry
    variant = variants[row.variant]
    measured = measure(images, variant.predicted, "accuracy")
    entry |= {"trained": variant.seeds, "accuracy": spread(images, measured, "accuracy")}
    if row.against:
        compared = family.over_seeds(images, variant, variants[row.against], "accuracy", alpha)
        entry |= {key: compared[key] for key in DIFFERENCE}
    if row.scarce:
        entry["class_recall"] = _recall(images, variant, row.scarce)
    return entry


def _recall(images: Images, variant: Variant, category: str) -> float | None:
    """Mean over the seeds of the share of the category's images that are found."""
    code = images.classes.index(category)
    own = images.label == code
    return float(np.mean(variant.predicted[:, own] == code)) if own.any() else None
