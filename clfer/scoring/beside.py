"""Our accuracies beside published ones.

A published number is one run of others on the same task, mostly under another protocol. Where its
spread over seeds is known (the paper's Table VIII) Welch's test applies; everything else is
descriptive: a difference and its interval, no claim.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from clfer.scoring import comparison
from clfer.scoring.grid import Images, Variant, measure
from clfer.scoring.published import (
    OURS,
    PAPER,
    OverSeeds,
    Published,
    of_paper,
    published,
    ruled,
    seeds_of_paper,
)

WELCH = "Welch"
DESCRIPTIVE = "descriptive"
# The paper calls a competitor beaten when it lies this many standard deviations below its mean.
STEPS = 3


def beside(dataset: str, images: Images, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """The entries of `published` in the summary; empty for a dataset without published numbers.

    `ours` stands beside the paper's own number and every competitor's, each other variant beside
    its row in the paper. `difference` is ours minus theirs, and `covers` names the chances that
    `ci95` is for.
    """
    return [
        entry(dataset, images, variant, one)
        for variant in variants
        for one in counterparts(dataset, variant.name)
    ]


def counterparts(dataset: str, variant: str) -> list[Published]:
    """The published numbers that a variant is held against."""
    if variant == OURS:
        return published(dataset)
    row = of_paper(dataset, variant)
    return [row] if row else []


def entry(dataset: str, images: Images, variant: Variant, one: Published) -> dict[str, Any]:
    """One variant beside one published number."""
    values, total = measure(images, variant.predicted, "accuracy").values, len(images.label)
    reference = seeds_of_paper(dataset) if one.name == PAPER else None
    known = {key: getattr(one, key) for key in ("name", "year", "network", "pretrained")}
    return {
        "variant": variant.name,
        **known,
        "protocol": one.protocol,
        "ours": float(values.mean()),
        "seeds": len(values),
        **(
            welch(values, reference)
            if reference and len(values) >= comparison.SEEDS_FOR_A_TEST
            else descriptive(values, total, one)
        ),
    }


def welch(values: comparison.Seeds, reference: OverSeeds) -> dict[str, Any]:
    """Welch's t test of our seeds against the paper's ten, from their mean and std."""
    mean, std = comparison.mean_std(values)
    assert std is not None
    result = stats.ttest_ind_from_stats(mean, std, len(values), *reference, equal_var=False)
    parts = [(std**2 / len(values), len(values) - 1)]
    parts += [(reference.std**2 / reference.seeds, reference.seeds - 1)]
    half = comparison.half_width(None, parts)
    return {
        "accuracy": reference.mean,
        "difference": mean - reference.mean,
        "ci95": [mean - reference.mean - half, mean - reference.mean + half],
        "p": float(result.pvalue),
        "test": WELCH,
        "covers": "seeds",
    }


def descriptive(values: comparison.Seeds, images: int, one: Published) -> dict[str, Any]:
    """The difference to one published run with SE^2 = s^2/S + p(1-p)/n + p0(1-p0)/n0.

    Student's quantile as in `comparison.interval`. Both test sets are taken as separate draws of
    images; where they are the same one, the interval is wider than it need be. Nothing is known of
    the other's seeds, so that its spread is left out; with one seed of ours, ours is too.
    """
    mean, std = comparison.mean_std(values)
    seeds = None if std is None else (std**2 / len(values), len(values) - 1)
    draws = [(mean, images), (one.accuracy, one.images)]
    half = comparison.half_width(
        seeds, [(rate * (1 - rate) / total, max(total - 1, 1)) for rate, total in draws]
    )
    difference = mean - one.accuracy
    return {
        "accuracy": one.accuracy,
        "difference": difference,
        "ci95": [difference - half, difference + half],
        "p": None,
        "test": DESCRIPTIVE,
        "covers": "images" if seeds is None else "seeds and images",
    }


def paper_rule(dataset: str, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """The paper's rule, competitor < mean - 3 std over seeds, on its own numbers and on ours.

    `competitor` is whom the paper's text names on this dataset. Ours needs two seeds or more. Empty
    for a dataset that the paper does not treat. It is not a test of significance and has no p.
    """
    competitor, reference = ruled(dataset), seeds_of_paper(dataset)
    if competitor is None or reference is None:
        return []
    whose = [("paper", reference.mean, reference.std)]
    for variant in variants:
        if variant.name == OURS and len(variant.seeds) > 1:
            accuracies = [scored["accuracy"] for scored in variant.scored]
            mean, std = comparison.mean_std(np.array(accuracies))
            assert std is not None
            whose.append((OURS, mean, std))
    return [applied(name, mean, std, competitor) for name, mean, std in whose]


def applied(whose: str, mean: float, std: float, competitor: Published) -> dict[str, Any]:
    """The rule on one mean and standard deviation."""
    threshold = mean - STEPS * std
    return {
        "whose": whose,
        "competitor": competitor.name,
        "accuracy": competitor.accuracy,
        "mean": mean,
        "std": std,
        "threshold": threshold,
        "holds": competitor.accuracy < threshold,
    }
