"""Predictions by name, each of one model or of several seeds, compared two by two.

Notation: N images, S and T models of two names, G duplicate groups.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.scoring import comparison, counts
from clfer.scoring.grid import Run, gather, measure
from clfer.scoring.summary import over_seeds, spread

ALL_PAIRS = "exact McNemar, all pairs of models"
PAIRED = "paired t"
PROBABILISTIC = ("ece", "nll", "kl")  # scores that mean nothing of answers alone
FEWEST = 30  # images of a group of people of which anything is said


@dataclass(frozen=True)
class Entry:
    """The predictions of one name: a table as `clfer.scoring.scores` has it, by seed. labels_only:
    its probabilities are 1 for the answer.
    """

    name: str
    seeds: dict[int, pl.DataFrame]
    labels_only: bool

    @property
    def classes(self) -> tuple[str, ...]:
        return labels.classes(next(iter(self.seeds.values())))

    def right(self, classes: Sequence[str], rows: pl.Series) -> Bool[np.ndarray, "S N"]:
        """Whether each model is right about the images `rows`, where the answer is the most
        probable of `classes`; without probabilities another answer is wrong.
        """
        found, places = [], [self.classes.index(one) for one in classes]
        for table in self.seeds.values():
            images = rows.to_frame("row").join(table, on="row", how="left", maintain_order="left")
            said = images["predicted"].cast(pl.String).to_numpy()
            if not self.labels_only and len(classes) < len(self.classes):
                chosen = images["probability"].to_numpy()[:, places]
                said = np.array(classes)[chosen.argmax(axis=1)]
            found.append(said == images["label"].cast(pl.String).to_numpy())
        return np.stack(found)


def scores(entry: Entry) -> dict[str, Any]:
    """All scores of a name over its seeds, as `variants` of a summary have them, with `value` for
    the mean; those of probabilities are None where it has answers alone.
    """
    runs = [Run("", entry.name, seed, table) for seed, table in entry.seeds.items()]
    images, (variant,) = gather(runs)
    found = over_seeds(images, variant)
    del found["optimistic"]
    for part in (found, found["duplicate_free"]):
        for metric in counts.METRICS:
            part[metric] = _valued(part[metric])
        if entry.labels_only:
            part |= dict.fromkeys(PROBABILISTIC)
    return {
        "images": len(images.label),
        "classes": images.classes,
        "probabilities": not entry.labels_only,
        **found,
    }


def by_group(entry: Entry, people: pl.DataFrame) -> dict[str, Any]:
    """Accuracy and UAR of each group of people, for each column of `people` beside `row`.

    `largest_gap` is between the best and the worst accuracy of groups of `FEWEST` images or more,
    picked after looking, with a 95 % interval for other images; None with fewer than two of these.
    """
    return {
        column: _groups(entry, people.select("row", group_of=column))
        for column in people.columns
        if column != "row"
    }


def _groups(entry: Entry, people: pl.DataFrame) -> dict[str, Any]:
    runs = [
        Run("", entry.name, seed, table.join(people, on="row", how="left").sort("row"))
        for seed, table in entry.seeds.items()
    ]
    images, (variant,) = gather(runs)
    member = runs[0].predictions["group_of"].to_numpy()
    found: dict[str, Any] = {}
    moves: dict[str, Float[np.ndarray, " N"]] = {}
    for name in sorted({one for one in member if one is not None}):
        kept = member == name
        part = images.only(kept)
        predicted = variant.predicted[:, kept]
        found[name] = {
            "images": int(kept.sum()),
            **{key: _valued(spread(part, predicted, key)) for key in ("accuracy", "uar")},
        }
        moves[name] = np.zeros(len(member))
        moves[name][kept] = measure(part, predicted, "accuracy")[1]
    enough = sorted(
        (one["accuracy"]["value"], name) for name, one in found.items() if one["images"] >= FEWEST
    )
    gap = None
    if len(enough) > 1:
        (low, worst), (high, best) = enough[0], enough[-1]
        variance = counts.variance(moves[best] - moves[worst], images.group)
        whole = comparison.interval(np.array([high - low]), variance, images.groups())
        ends = whole and whole.ends
        gap = {"best": best, "worst": worst, "difference": high - low, "ci95": ends}
    return {"groups": found, "largest_gap": gap}


def _valued(one: dict[str, Any] | None) -> dict[str, Any] | None:
    return one and {"value": one["mean"], **{k: v for k, v in one.items() if k != "mean"}}


def compare(entries: Sequence[Entry], baseline: str | None, margin: float) -> list[dict[str, Any]]:
    """The accuracies of each pair, or of each beside the baseline, on what both answered.

    Where both have three seeds or more, the difference is tested over seeds: by a paired t where
    they share three numbers, over these alone, else by Welch's. Otherwise every model of one is
    held against every one of the other by McNemar's exact test; p is then the largest of these, or
    1 where they do not all point one way: it claims that each of one name is better than each of
    the other (an intersection-union test). Holm's correction is over the family that was asked for.

    ci95: for other seeds on the same images, of three or more; ci95_images: for other images as
    well; ci95_bootstrap: for other images alone, from resampled duplicate groups.
    """
    by_name = {one.name: one for one in entries}
    if baseline is None:
        pairs = list(combinations(entries, 2))
    else:
        pairs = [(one, by_name[baseline]) for one in entries if one.name != baseline]
    found = [_pair(a, b, margin) for a, b in pairs]
    for p in ("p", "p_equivalent"):
        for entry, value in zip(found, comparison.holm([one[p] for one in found]), strict=True):
            entry[f"{p}_holm"] = value
    return found


def _pair(a: Entry, b: Entry, margin: float) -> dict[str, Any]:
    classes = [one for one in a.classes if one in b.classes]
    table = next(iter(a.seeds.values()))
    theirs = next(iter(b.seeds.values()))["row"]
    images = table.filter(
        pl.col("row").is_in(theirs.implode()),
        pl.col("label").cast(pl.String).is_in(classes),
    ).sort("row")
    if images.is_empty() or len(classes) < 2:
        raise InputError(f"{a.name} and {b.name}: expected images that both answered, found none")
    several = min(len(a.seeds), len(b.seeds)) >= comparison.SEEDS_FOR_A_TEST
    shared = [seed for seed in a.seeds if seed in b.seeds]
    paired = several and len(shared) >= comparison.SEEDS_FOR_A_TEST
    if paired:
        a, b = (replace(one, seeds={seed: one.seeds[seed] for seed in shared}) for one in (a, b))
    right = [one.right(classes, images["row"]) for one in (a, b)]
    x, y = (one.mean(axis=1) for one in right)
    apart = right[0].mean(axis=0) - right[1].mean(axis=0)  # [N]
    group = images["group"].to_numpy()
    difference = float(apart.mean())
    variance = counts.variance((apart - apart.mean()) / len(apart), group)
    groups = len(np.unique(group))
    moves = x - y if paired else np.array([difference])
    by_images = comparison.interval(moves, variance, groups)
    entry: dict[str, Any] = {
        "a": a.name,
        "b": b.name,
        "metric": "accuracy",
        "primary": True,
        "images": len(images),
        "classes": classes,
        "seeds": [[*a.seeds], [*b.seeds]],
        "difference": difference,
        "ci95": None,
        "ci95_images": by_images and by_images.ends,
        "ci95_bootstrap": list(bootstrap(apart, group)),
        "margin": margin,
    }
    if not several:
        tests = [
            {"seeds": [i, j], **comparison.mcnemar(one, other)._asdict()}
            for (i, one), (j, other) in product(
                zip(a.seeds, right[0], strict=True), zip(b.seeds, right[1], strict=True)
            )
        ]
        same = len({np.sign(one["only_a_right"] - one["only_b_right"]) for one in tests}) == 1
        return {
            **entry,
            "test": ALL_PAIRS,
            "p": max(one["p"] for one in tests) if same else 1.0,
            "p_equivalent": comparison.equivalent_on_images(difference, variance, groups, margin),
            "per_seed": tests,
        }
    if not paired:
        over_seeds = comparison.welch_interval(x, y, None, 0)
        over_both = comparison.welch_interval(x, y, variance, groups)
        return {
            **entry,
            "test": comparison.WELCH,
            "ci95": over_seeds and over_seeds.ends,
            "ci95_images": over_both and over_both.ends,
            "p": comparison.welch_unpaired(x, y),
            "p_equivalent": None,
            "per_seed": [],
        }
    whole = comparison.paired_interval(x, y)
    return {
        **entry,
        "test": PAIRED,
        "ci95": whole and whole.ends,
        "p": comparison.paired_t(x, y),
        "p_equivalent": comparison.equivalence(x, y, margin),
        "per_seed": [
            {"seeds": [seed, seed], "difference": float(one)}
            for seed, one in zip(a.seeds, x - y, strict=True)
        ],
    }


def bootstrap(
    apart: Float[np.ndarray, " N"], group: Int[np.ndarray, " N"], draws: int = 5_000, seed: int = 0
) -> tuple[float, float]:
    """95 % percentile interval of the mean over images, from `draws` samples of whole duplicate
    groups with replacement (Efron and Tibshirani 1993, ch. 13).
    """
    _, number = np.unique(group, return_inverse=True)
    total, size = np.bincount(number, weights=apart), np.bincount(number)
    generator, means = np.random.default_rng(seed), []
    for _ in range(0, draws, 100):
        drawn = generator.integers(len(size), size=(100, len(size)))
        means.append(total[drawn].sum(axis=1) / size[drawn].sum(axis=1))
    low, high = np.quantile(np.concatenate(means), [0.025, 0.975])
    return float(low), float(high)


def changed(a: pl.DataFrame, b: pl.DataFrame) -> dict[str, Any]:
    """Two files of one model, made in different orders or batches: what differs between them.

    Accuracy of each on the images that both have, images with another answer, the largest
    difference of a probability, McNemar's test. Raises InputError where they share no image, or
    have other classes.
    """
    both = a.join(b, on="row", suffix="_b")
    if both.is_empty() or labels.classes(a) != labels.classes(b):
        raise InputError(
            "--orders: expected two files of one model, of the same images and classes; found "
            f"{len(both):,} images that both answered, of {len(labels.classes(a))} and "
            f"{len(labels.classes(b))} classes"
        )
    right = [
        (both[one].cast(pl.String) == both["label"].cast(pl.String)).to_numpy()
        for one in ("predicted", "predicted_b")
    ]
    apart = np.abs(both["probability"].to_numpy() - both["probability_b"].to_numpy())
    other = (both["predicted"].cast(pl.String) != both["predicted_b"].cast(pl.String)).sum()
    return {
        "images": len(both),
        "accuracy": [float(one.mean()) for one in right],
        "changed": int(other),
        "largest": float(apart.max()),
        **comparison.mcnemar(*right)._asdict(),
    }
