"""Our numbers beside the paper's: tables filled in, published accuracies, the paper's rule.

A published number is one run of others on the same task, mostly under another protocol. Where its
spread over seeds is known (the paper's Table VIII) Welch's test applies; everything else is
descriptive: a difference and its interval, no claim. Accuracies are fractions, percent in a plan.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from clfer.errors import InputError
from clfer.paper import published
from clfer.paper.tables import SUBSETS, Plan, Row, leaked
from clfer.scoring import comparison
from clfer.scoring.family import over_seeds
from clfer.scoring.grid import Images, Run, Variant, gather
from clfer.scoring.scores import rejected
from clfer.scoring.summary import spread

REJECTION = 0.25  # Table III: a prediction that is less probable is taken for the scarce class
DIFFERENCE = ("difference", "ci95", "ci95_images", "p", "p_holm", "seeds")
STD_AHEAD = 3  # the paper calls a competitor beaten that many standard deviations below its mean


def result(plan: Plan, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """One entry for each row of the plan, in its order.

    label, variant, paper {dataset: percent}; accuracy: a `spread` over the seeds; against: the
    variant it is compared with; difference (None without): mean over shared seeds, with the
    interval and p of the paired t, the interval for other test images as well, and Holm's p where
    the plan's comparisons are one family; class_recall: mean recall of the scarce class, where
    there is one. Raises InputError where a row has no run.
    """
    scarce = {row.variant: row.scarce for row in plan.rows if row.scarce}
    images, variants = gather(
        [
            replace(run, predictions=rejected(run.predictions, scarce[run.variant], REJECTION))
            if run.variant in scarce
            else run
            for run in runs
        ]
    )
    by_name = {one.name: one for one in variants}
    missing = [name for name in plan.variants if name not in by_name]
    if missing:
        raise InputError(f"{plan.name}: no run of {missing[0]} is given; train it first")
    entries = [_entry(row, images, by_name) for row in plan.rows]
    if plan.family:
        tested = [one for one in entries if one["against"]]
        for entry, p in zip(tested, comparison.holm([one["p"] for one in tested]), strict=True):
            entry["p_holm"] = p
    return entries


def _entry(row: Row, images: Images, variants: Mapping[str, Variant]) -> dict[str, Any]:
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
    accuracy = spread(images, variant.predicted, "accuracy")
    entry |= {"trained": variant.seeds, "accuracy": accuracy}
    if row.against:
        compared = over_seeds(images, variant, variants[row.against], "accuracy")
        entry |= {key: compared[key] for key in DIFFERENCE}
    if row.scarce:
        code = images.classes.index(row.scarce)
        right = variant.predicted[:, images.label == code] == code
        entry["class_recall"] = float(np.mean(right)) if right.size else None
    return entry


def leakage_result(plan: Plan, kept: Sequence[Run], dropped: Sequence[Run]) -> list[dict[str, Any]]:
    """The entries of `result`, subset by subset of the test images. Raises InputError where a
    subset has no image.
    """
    unique = pl.col("unique")
    runs = [replace(run, variant=leaked(run.variant, True)) for run in kept]
    runs += [replace(run, variant=leaked(run.variant, False)) for run in dropped]
    entries = []
    for subset, chosen in zip(SUBSETS, (pl.lit(True), ~unique, unique), strict=True):
        some = [replace(run, predictions=run.predictions.filter(chosen)) for run in runs]
        if some[0].predictions.is_empty():
            raise InputError(
                f"{plan.name}: expected test images {subset}, found none: this dataset has no "
                "copies to measure"
            )
        rows = [row for row in plan.rows if row.label[0] == subset]
        entries += result(replace(plan, rows=rows), some)
    return entries


def published_comparisons(
    dataset: str, images: int, variants: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Our accuracies on so many images, by variant as `summarise` has them, beside published ones.

    `ours` stands beside the paper's own number and every competitor's, each other variant beside
    its row in the paper. `difference` is ours minus theirs, and `covers` names the chances that
    `ci95` is for. Empty for a dataset without published numbers.
    """
    entries = []
    for name, one in variants.items():
        values = np.array(one["accuracy"]["per_seed"])
        for other in published.published_for(dataset, name):
            paper = published.seeds_of_paper(dataset) if other.name == published.PAPER else None
            known, accuracy = other._asdict(), other.accuracy
            if paper and len(values) >= comparison.SEEDS_FOR_A_TEST:
                accuracy, compared = paper.mean, comparison.against_seeds(values, *paper)
            else:
                compared = comparison.against_one_run(values, images, accuracy, other.images)
            facts = ("name", "year", "network", "pretrained", "protocol")
            entries.append(
                {
                    "variant": name,
                    **{key: known[key] for key in facts},
                    "ours": float(values.mean()),
                    "seeds": len(values),
                    "accuracy": accuracy,
                    **compared._asdict(),
                }
            )
    return entries


def paper_rule(dataset: str, accuracy: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The paper's rule, competitor < mean - 3 std over seeds, on its own numbers and on ours.

    accuracy: `mean` and `std` of ours, if known; with one seed it has no std. `competitor` is whom
    the paper's text names on this dataset. Empty for a dataset that the paper does not treat. It is
    not a test of significance and has no p.
    """
    competitor, paper = published.rule_competitor(dataset), published.seeds_of_paper(dataset)
    if competitor is None or paper is None:
        return []
    whose = [("paper", paper.mean, paper.std)]
    if accuracy and accuracy["std"] is not None:
        whose.append((published.OURS, accuracy["mean"], accuracy["std"]))
    return [
        {
            "whose": name,
            "competitor": competitor.name,
            "accuracy": competitor.accuracy,
            "mean": mean,
            "std": std,
            "threshold": mean - STD_AHEAD * std,
            "holds": competitor.accuracy < mean - STD_AHEAD * std,
        }
        for name, mean, std in whose
    ]
