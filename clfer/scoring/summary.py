"""The summary of a grid of runs: what was reached, how far it varies, and what may be claimed."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from clfer.errors import InputError
from clfer.scoring import counts, sampling
from clfer.scoring.comparison import CONFIDENCE, Interval, interval, mean_std
from clfer.scoring.family import comparisons, unpaired
from clfer.scoring.grid import Images, Measured, Run, Variant, duplicate_free, gather, measure

# A stage that summarises also prints: both halves are had from here.
from clfer.scoring.report import markdown as markdown
from clfer.settings import Settings


class Significance(Settings):
    """The level of the primary tests, and the variant that every other is compared with."""

    alpha: Annotated[float, Field(gt=0, lt=1)]
    baseline: str


def summarise(
    runs: Sequence[Run],
    evidence: Mapping[str, bool],
    protocol: Mapping[str, Any],
    settings: Significance,
) -> dict[str, Any]:
    """`metrics/summary.json`: plain JSON values, accuracies as fractions, None where undefined.

    evidence: per dataset, whether its numbers say something about the method (not the demo's).
    protocol: per dataset, how it was tested, in words or as a table of settings; copied as given.
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
        "baseline": settings.baseline,
        "datasets": {
            name: {
                "evidence": evidence[name],
                "protocol": protocol[name],
                **dataset([run for run in runs if run.dataset == name], evidence[name], settings),
            }
            for name in names
        },
    }


def dataset(runs: Sequence[Run], evidence: bool, settings: Significance) -> dict[str, Any]:
    """The variants of one dataset and their comparisons; `note` is None or says what is missing."""
    images, variants = gather(runs)
    notes = unpaired(variants, settings.baseline)
    found = comparisons(images, variants, settings.baseline, settings.alpha, evidence)
    return {
        "classes": images.classes,
        "test_images": len(images.label),
        "variants": {one.name: described(images, one) for one in variants},
        "comparisons": found,
        "note": " ".join(notes) or None,
    }


def described(images: Images, variant: Variant) -> dict[str, Any]:
    """One variant's scores over its seeds, on all test images and on those without a copy."""
    kept, same = duplicate_free(images, variant)
    return {
        "seeds": variant.seeds,
        **over_seeds(images, variant),
        "duplicate_free": {"test_images": len(kept.label), **over_seeds(kept, same)},
        "optimistic": optimistic(images, variant),
    }


def over_seeds(images: Images, variant: Variant) -> dict[str, Any]:
    """Each metric's `spread`; None without images."""
    if not len(images.label):
        return dict.fromkeys(sampling.METRICS)
    return {
        metric: spread(images, measure(images, variant.predicted, metric), metric)
        for metric in sampling.METRICS
    }


def spread(images: Images, measured: Measured, metric: str) -> dict[str, Any]:
    """Mean, standard deviation (None with one seed), interval and the value of every seed.

    `ci95` is for other seeds and other test images, or what `covers` names: images alone with one
    seed. Where all images are right in all runs nothing varies, and an interval of no width would
    claim certainty: accuracy then has Wilson's interval over duplicate groups, the others None.
    """
    mean, std = mean_std(measured.values)
    variance = sampling.variance(measured.contributions, images.group)
    found = interval(measured.values, variance, images.groups())
    if found is None and metric == "accuracy":
        right = round(mean * images.groups())
        found = Interval(*counts.wilson(right, images.groups(), CONFIDENCE), "images")
    return {
        "mean": mean,
        "std": std,
        "ci95": None if found is None else [max(0.0, found.low), min(1.0, found.high)],
        "covers": None if found is None else found.covers,
        "per_seed": measured.values.tolist(),
    }


def optimistic(images: Images, variant: Variant) -> dict[str, Any] | None:
    """The accuracy when the checkpoint is chosen on the test images; None where not recorded.

    `gap` is how much that flatters: its mean minus the honest mean of the same seeds. It has no
    interval, because a maximum over epochs is no sample of anything.
    """
    seeds = sorted(variant.test_best)
    if not seeds:
        return None
    best = [variant.test_best[seed] for seed in seeds]
    honest = measure(images, variant.of(seeds), "accuracy").values
    mean, std = mean_std(np.array(best))
    accuracy = {"mean": mean, "std": std, "ci95": None, "per_seed": best}
    return {"seeds": seeds, "accuracy": accuracy, "gap": mean - float(honest.mean())}
