"""A model with all that its card tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from clfer.model.card import Card
from clfer.scoring.calibration import has_votes
from clfer.scoring.selection import TEST

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Trained:
    """A model that has been scored on the test images of its own dataset.

    file:    where it stands in the checkout, and its SHA-256
    card:    what the model's file says of itself
    stored:  height, width and channels of the stored faces
    split:   the table of the split it was scored on, with the SHA-256 of its file
    scores:  what `results/D/V/S/scores.json` holds
    """

    dataset: str
    variant: str
    seed: int
    file: str
    file_sha256: str
    card: Card
    parameters: int
    stored: tuple[int, int, int]
    split: pl.DataFrame
    split_sha256: str
    scores: Mapping[str, Any]

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.card.provenance

    @property
    def recipe(self) -> Mapping[str, Any]:
        recipe: Mapping[str, Any] = self.provenance["recipe"]
        return recipe

    @property
    def drawn(self) -> bool:
        return not self.scores["evidence"]

    @property
    def optimistic(self) -> bool:
        return bool(self.recipe["select"] == TEST)

    @property
    def other_split(self) -> bool:
        """Whether it was trained on another split than it was scored on: test images may have been
        trained on.
        """
        recorded: str = self.provenance.get("split_sha256", self.split_sha256)
        return recorded != self.split_sha256

    @property
    def other_copy(self) -> bool:
        """Whether the protocol says that the copy of the dataset is not the published one."""
        return " copy: " in str(self.scores["protocol"]["labels"])

    def images(self, part: str) -> dict[str, int]:
        """Images of each class in a part of the split."""
        labels = self.split.filter(pl.col("split") == part)["label"].cast(pl.String)
        counts = dict(labels.value_counts().iter_rows())
        return {name: counts.get(name, 0) for name in self.card.classes}

    def unused(self) -> dict[str, int]:
        """Rows of the dataset that are in no part, by reason, the commonest first."""
        if "reason" not in self.split.columns:
            return {}
        reasons = self.split["reason"].drop_nulls().value_counts().sort("count", "reason")
        return dict(reversed(list(reasons.iter_rows())))

    def agreement(self) -> float | None:
        """The mean share of the raters' votes that a test image's label got, of the votes that were
        counted; None where no votes are known.
        """
        test = self.split.filter(pl.col("split") == TEST)
        target = test["target"].to_numpy()
        if not has_votes(target):
            return None
        label = test["label"].to_physical().to_numpy()
        return float(target[np.arange(len(label)), label].mean())

    def confusions(self) -> list[tuple[str, str, int, int]]:
        """Label, what was taken for it, how many images, of how many; the commonest first."""
        names = self.scores["classes"]
        found = [
            (actual, said, count, sum(row))
            for actual, row in zip(names, self.scores["confusion"], strict=True)
            for said, count in zip(names, row, strict=True)
            if actual != said and count
        ]
        return sorted(found, key=lambda one: -one[2])
