"""The summary of a grid of runs: scores over seeds, intervals and tests. Numbers and names only."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from jaxtyping import Int
from pydantic import Field

from clfer.errors import InputError
from clfer.scoring import counts, selection
from clfer.scoring.comparison import Interval, Seeds, half_width, interval, mean_std, seeds_part
from clfer.scoring.family import comparisons
from clfer.scoring.grid import Images, Run, Variant, gather, measure
from clfer.settings import Settings

# Scores of one run that are summarised without an interval.
DESCRIPTIVE = ("kappa", "ece", "nll", "kl", "top2")


class Significance(Settings):
    """The level of the primary tests, the difference of accuracies that would not matter, and the
    variant that every other is compared with.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)]
    margin: Annotated[float, Field(gt=0, lt=1)]
    baseline: str


def summarise(
    runs: Sequence[Run],
    evidence: Mapping[str, bool],
    protocol: Mapping[str, Any],
    settings: Significance,
    planned: int = 0,
) -> dict[str, Any]:
    """Plain JSON values, accuracies as fractions, None where undefined.

    evidence: per dataset, whether its numbers say something about the method (not the demo's).
    protocol: per dataset, how it was tested, in words or as a table of settings; copied as given.
    planned: variants beside the baseline that shall be compared, where not all are there yet.
    Datasets and variants stand in the order of their first run, seeds in ascending order. Raises
    InputError on a broken table of predictions, a cell given twice, runs of one dataset that were
    tested on different images, and a dataset missing from `evidence` or `protocol`.
    """
    names = list(dict.fromkeys(run.dataset for run in runs))
    for name in names:
        if name not in evidence or name not in protocol:
            raise InputError(f"dataset {name}: runs given, but not its evidence and protocol")
    return {
        "alpha": settings.alpha,
        "margin": settings.margin,
        "baseline": settings.baseline,
        "datasets": {
            name: {
                "evidence": evidence[name],
                "protocol": protocol[name],
                **_dataset(name, runs, protocol[name], settings, planned),
            }
            for name in names
        },
    }


def _dataset(
    name: str, runs: Sequence[Run], protocol: Any, settings: Significance, planned: int
) -> dict[str, Any]:
    """The variants of one dataset and their comparisons."""
    images, variants = gather([run for run in runs if run.dataset == name])
    chosen = selection.selected_on(protocol, any(one.selection_gaps for one in variants))
    alpha, margin, baseline = settings.alpha, settings.margin, settings.baseline
    return {
        "selected_on": chosen,
        "classes": images.classes,
        "test_images": len(images.label),
        "variants": {one.name: over_seeds(images, one) for one in variants},
        "comparisons": comparisons(images, variants, baseline, alpha, margin, planned),
    }


def over_seeds(images: Images, variant: Variant) -> dict[str, Any]:
    """One variant's scores over its seeds, on all test images and on those without a copy.

    `confusion` is summed over the seeds: every image counts once for each.
    """
    kept = images.only(images.unique)
    tables = [scored["confusion"] for scored in variant.scored]
    return {
        "seeds": variant.seeds,
        **_metrics(images, variant.predicted),
        **_descriptive(variant.scored),
        "per_class": per_class(images, variant),
        "confusion": np.sum(tables, axis=0).tolist(),
        "duplicate_free": {
            "test_images": len(kept.label),
            **_metrics(kept, variant.predicted[:, images.unique]),
            **_descriptive([scored["duplicate_free"] for scored in variant.scored]),
        },
        "optimistic": selection.gap_over_seeds(variant.selection_gaps),
    }


def _descriptive(scored: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """Mean, standard deviation and values of the other scores; None where a run lacks one."""
    known = [one for one in scored if one is not None]
    return {
        metric: selection.mean_std_values([one[metric] for one in known])
        if known and known[0][metric] is not None
        else None
        for metric in DESCRIPTIVE
    }


def _metrics(images: Images, predicted: Int[np.ndarray, "S N"]) -> dict[str, Any]:
    """Each metric's `spread`; None without images."""
    return {
        metric: spread(images, predicted, metric) if len(images.label) else None
        for metric in counts.METRICS
    }


def spread(images: Images, predicted: Int[np.ndarray, "S N"], metric: str) -> dict[str, Any]:
    """Mean, standard deviation (None with one seed), interval and the value of every seed.

    `ci95` is for other seeds and other test images, or what `covers` names: images alone with one
    seed. Where all images are right in all runs nothing varies, and an interval of no width would
    claim certainty: accuracy then has Wilson's interval over duplicate groups, the others None.
    """
    values, contributions = measure(images, predicted, metric)
    mean, std = mean_std(values)
    whole = interval(values, counts.variance(contributions, images.group), images.groups())
    if whole is None and metric == "accuracy":
        right = round(mean * images.groups())
        whole = Interval(*counts.wilson(right, images.groups()), "images")
    return {
        "mean": mean,
        "std": std,
        "ci95": whole and whole.clipped,
        "covers": whole and whole.covers,
        "per_seed": values.tolist(),
    }


def per_class(images: Images, variant: Variant) -> dict[str, Any]:
    """Support, recall, precision and F1 of each class, and an interval of its mean recall.

    `covers` names the chances that `recall_ci95` is for: other test images, and other seeds where
    seeds are seen to differ.
    """
    found = {}
    for code, name in enumerate(images.classes):
        scores = [scored["per_class"][name] for scored in variant.scored]
        columns = {
            key: selection.mean_std_values([score[key] for score in scores])
            for key in ("recall", "precision", "f1")
        }
        groups = images.only(images.label == code).groups()
        recall = columns["recall"]
        found[name] = {
            "support": scores[0]["support"],
            **columns,
            "recall_ci95": list(recall_interval(np.array(recall["per_seed"]), groups)),
            "covers": "seeds and images" if recall["std"] else "images",
        }
    return found


def recall_interval(recall: Seeds, groups: int) -> tuple[float, float]:
    """95 % interval of the mean recall over seeds of a class of `groups` duplicate groups.

    Wilson's interval, because a small class can be all right or all wrong, for as many images as
    would alone give the variance s^2 / S + r (1 - r) / groups, and with Student's quantile as in
    `comparison.interval`. It is on the safe side: the mean over seeds varies less over images than
    the recall of one model, whose variance r (1 - r) / groups is.
    """
    mean = float(recall.mean())
    alone = mean * (1 - mean) / groups if groups else 0.0
    if not alone:
        return counts.wilson(mean * groups, groups)
    seeds = seeds_part(recall)
    half = half_width(seeds, [(alone, max(groups - 1, 1))])
    total = alone + (seeds[0] if seeds else 0.0)
    images = mean * (1 - mean) / total
    return counts.score_interval(mean * images, images, half / total**0.5)
