"""The comparisons of one dataset: every variant against the baseline.

Primary are the accuracies on all test images, tested by a paired t over the seeds that both have,
and for equivalence, each with Holm's correction over exactly these. UAR, macro-F1 and McNemar's
tests are descriptive.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from clfer.scoring import comparison, counts
from clfer.scoring.grid import Images, Variant, measure

PAIRED = "paired t"
MCNEMAR = "exact McNemar"
PRIMARY = "accuracy"


def comparisons(
    images: Images,
    variants: Sequence[Variant],
    baseline: str,
    alpha: float,
    margin: float,
    planned: int,
) -> list[dict[str, Any]]:
    """The entries of `comparisons` in the summary; empty when no variant is the baseline.

    Differences are a - b with b the baseline, over the seeds that both have. `ci95` belongs to the
    paired t and covers other seeds on the same test images; `ci95_images` covers other test images
    as well (with one seed, nothing but those). Values that cannot be had are None.
    planned: comparisons of the family, of which some may not be trained yet. Holm's correction is
    over all of them, and `smallest_detectable` at its first and strictest level, alpha / planned.
    """
    reference = {one.name: one for one in variants}.get(baseline)
    if reference is None:
        return []
    others = [one for one in variants if one.name != baseline]
    planned = max(planned, len(others))
    level = alpha / max(planned, 1)
    entries = [
        entry
        for other in others
        for entry in (
            *(over_seeds(images, other, reference, metric) for metric in counts.METRICS),
            per_model(images, other, reference),
        )
    ]
    primary = [entry for entry in entries if entry["primary"]]
    for entry in primary:
        apart = np.array([one["difference"] for one in entry["per_seed"]])
        entry |= {
            "smallest_detectable": comparison.smallest_detectable(apart, 0 * apart, level),
            "margin": margin,
            "p_equivalent": comparison.equivalence(apart, 0 * apart, margin),
        }
    absent = [None] * (planned - len(others))
    for p in ("p", "p_equivalent"):
        adjusted = comparison.holm([one[p] for one in primary] + absent)
        for entry, value in zip(primary, adjusted, strict=False):
            entry[f"{p}_holm"] = value
    return entries


def over_seeds(images: Images, a: Variant, b: Variant, metric: str) -> dict[str, Any]:
    """One score of two variants, compared over their shared seeds."""
    entry = _empty(a, b, metric, PAIRED)
    seeds = entry["seeds"]
    if not seeds:
        return entry
    (x, of_a), (y, of_b) = (measure(images, one.of_seeds(seeds), metric) for one in (a, b))
    variance = counts.variance(of_a - of_b, images.group)
    over_same_images = comparison.paired_interval(x, y)
    over_images = comparison.interval(x - y, variance, images.groups())
    return {
        **entry,
        "difference": float((x - y).mean()),
        "ci95": over_same_images and over_same_images.ends,
        "ci95_images": over_images and over_images.ends,
        "p": comparison.paired_t(x, y),
        "p_welch": comparison.welch(x, y),
        "p_wilcoxon": comparison.wilcoxon(x, y),
        "effect_size": comparison.effect_size(x, y),
        "per_seed": [
            {"seed": seed, "difference": float(one)} for seed, one in zip(seeds, x - y, strict=True)
        ],
    }


def per_model(images: Images, a: Variant, b: Variant) -> dict[str, Any]:
    """McNemar's test of each pair of models with the same seed; no p over all of them."""
    entry = _empty(a, b, PRIMARY, MCNEMAR)
    seeds = entry["seeds"]
    if not seeds:
        return entry
    right = [one.of_seeds(seeds) == images.label for one in (a, b)]
    tests = [comparison.mcnemar(x, y) for x, y in zip(*right, strict=True)]
    return {
        **entry,
        "difference": float(np.mean(right[0].mean(axis=1) - right[1].mean(axis=1))),
        "per_seed": [
            {"seed": seed, **test._asdict()} for seed, test in zip(seeds, tests, strict=True)
        ],
    }


def _empty(a: Variant, b: Variant, metric: str, test: str) -> dict[str, Any]:
    """An entry with every key, so that all entries have the same, and no result yet."""
    return {
        "a": a.name,
        "b": b.name,
        "metric": metric,
        "test": test,
        "primary": test == PAIRED and metric == PRIMARY,
        "seeds": sorted({*a.seeds} & {*b.seeds}),
        **dict.fromkeys(("difference", "ci95", "ci95_images", "p", "p_holm")),
        **dict.fromkeys(("p_welch", "p_wilcoxon", "effect_size", "smallest_detectable")),
        **dict.fromkeys(("margin", "p_equivalent", "p_equivalent_holm")),
        "per_seed": [],
    }
