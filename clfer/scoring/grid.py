"""The runs of one dataset, side by side on the same test images.

Notation: N test images, S seeds of a variant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from clfer.errors import InputError
from clfer.scoring import counts
from clfer.scoring.scores import check, class_names, codes, scores
from clfer.scoring.selection import SelectionGap

FACTS = ("row", "group", "unique", "label")


@dataclass(frozen=True)
class Run:
    """One model's predictions on the test images, a table as `clfer.scoring.scores` describes it.

    `selection_gap` is given where training looked at the test images.
    """

    dataset: str
    variant: str
    seed: int
    predictions: pl.DataFrame
    selection_gap: SelectionGap | None = None

    def __str__(self) -> str:
        return f"{self.dataset}/{self.variant}/{self.seed}"


@dataclass(frozen=True)
class Images:
    """What is known of the test images, whatever the model; labels are class codes."""

    classes: list[str]
    label: Int[np.ndarray, " N"]
    group: Int[np.ndarray, " N"]
    unique: Bool[np.ndarray, " N"]

    def groups(self) -> int:
        """Number of duplicate groups; an image without a copy is one."""
        return len(np.unique(self.group))

    def only(self, kept: Bool[np.ndarray, " N"]) -> "Images":
        """Some of the images."""
        return Images(self.classes, self.label[kept], self.group[kept], self.unique[kept])


@dataclass(frozen=True)
class Variant:
    """One variant's predicted class codes, a row per seed, seeds ascending.

    `scored` holds each seed's scores and `selection_gaps` both choices of epoch of the seeds that
    looked at the test images.
    """

    name: str
    seeds: list[int]
    predicted: Int[np.ndarray, "S N"]
    scored: list[dict[str, Any]]
    selection_gaps: dict[int, SelectionGap]

    def of_seeds(self, seeds: Sequence[int]) -> Int[np.ndarray, "T N"]:
        """The predictions of T of the seeds, in the order asked for."""
        return self.predicted[[self.seeds.index(seed) for seed in seeds]]


def gather(runs: Sequence[Run]) -> tuple[Images, list[Variant]]:
    """The test images that all runs of a dataset share, and its variants as they first appear.

    Raises InputError when two runs are one cell, or were tested on different images.
    """
    tables = [_checked(run) for run in runs]
    first = tables[0]
    cells: dict[str, dict[int, pl.DataFrame]] = {}
    for run, table in zip(runs, tables, strict=True):
        if not table.select(FACTS).equals(first.select(FACTS)):
            raise InputError(
                f"{run}: tested on other images or labels than {runs[0]}; evaluate both again"
            )
        seeds = cells.setdefault(run.variant, {})
        if run.seed in seeds:
            raise InputError(f"{run}: given twice; every cell of the grid must have its own folder")
        seeds[run.seed] = table
    group, unique = (first[column].to_numpy() for column in ("group", "unique"))
    images = Images(class_names(first), codes(first, "label"), group, unique)
    variants = []
    for name, by_seed in cells.items():
        of_seeds = [by_seed[seed] for seed in sorted(by_seed)]
        predicted = np.stack([codes(table, "predicted") for table in of_seeds])
        scored = [scores(table) for table in of_seeds]
        own = [run for run in runs if run.variant == name]
        gaps = {run.seed: run.selection_gap for run in own if run.selection_gap}
        variants.append(Variant(name, sorted(by_seed), predicted, scored, gaps))
    return images, variants


def _checked(run: Run) -> pl.DataFrame:
    """The run's predictions in order of `row`; InputError, naming the run, when they are broken."""
    try:
        check(run.predictions)
    except InputError as error:
        raise InputError(f"{run}: {error}") from None
    return run.predictions.sort("row")


def measure(
    images: Images, predicted: Int[np.ndarray, "S N"], metric: str
) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " N"]]:
    """One of `counts.METRICS` per seed, and what each image contributes to its mean over them."""
    score, influence = counts.METRICS[metric]
    classes = len(images.classes)
    values = [score(images.label, one, classes) for one in predicted]
    moves = [influence(images.label, one, classes) for one in predicted]
    return np.array(values), np.mean(moves, axis=0)
