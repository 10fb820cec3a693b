"""A model that has been evaluated: its card as a page of Markdown, and its scores on a terminal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from clfer.datasets.splits import SPLITS
from clfer.model.bundle import Card
from clfer.report.numbers import count, literal, percent, plural, short
from clfer.report.published import Ours, from_paper
from clfer.report.rendering import TEMPLATES, environment, sentences
from clfer.scoring.calibration import has_votes
from clfer.scoring.selection import TEST

MODULES = {
    "msr": "multi-scale representation (MSR)",
    "clfm": "contrastive learning of feature maps (CLFM), in training alone",
    "clbs": "contrastive learning of batch samples (CLBS), in training alone",
    "warmup": "warm-up of CLFM and CLBS, in training alone",
    "simsiam": "SimSiam, in training alone",
    "scn": "Self-Cure Network (SCN)",
}
CONFUSIONS = 5  # the commonest that are named


@dataclass(frozen=True)
class EvaluatedModel:
    """A model that has been scored on the test images of its own dataset.

    file:   where it stands in the checkout, and its SHA-256
    card:   what the model's file says of itself
    stored: height, width and channels of the stored faces
    split:  the table of the split it was scored on, with the SHA-256 of its file
    scores: what `results/D/V/S/scores.json` holds
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
    def recipe(self) -> Mapping[str, Any]:
        """The settings of its training."""
        recipe: Mapping[str, Any] = self.card.provenance["recipe"]
        return recipe

    @property
    def other_split(self) -> bool:
        """Whether it was trained on another split than it was scored on: test images may have been
        trained on.
        """
        recorded: str = self.card.provenance.get("split_sha256", self.split_sha256)
        return recorded != self.split_sha256

    @property
    def modules(self) -> list[str]:
        """What the variant adds to the network, with what is gone when it predicts."""
        return [MODULES[name] for name, one in self.card.variant.model_dump().items() if one]

    def differs(self) -> list[str]:
        """What the training and the test were otherwise than in the paper."""
        images, classes = self.scores["images"], len(self.scores["classes"])
        protocol, selected_on = self.scores["protocol"], self.recipe["select"]
        return from_paper(Ours(self.dataset, images, classes, protocol, selected_on), [self.recipe])

    def counts(self) -> dict[str, dict[str, int]]:
        """Images by part and class."""
        labels = {part: self.split.filter(split=part)["label"].cast(pl.String) for part in SPLITS}
        return {part: dict(one.value_counts().iter_rows()) for part, one in labels.items()}

    def confusions(self) -> list[str]:
        """The commonest mistakes, in words."""
        names = self.scores["classes"]
        mistakes = [
            (n, sum(row), actual, predicted)
            for actual, row in zip(names, self.scores["confusion"], strict=True)
            for predicted, n in zip(names, row, strict=True)
            if actual != predicted and n
        ]
        mistakes.sort(key=lambda one: -one[0])
        return [
            f"{literal(actual)} taken for {literal(predicted)}: {count(n)} of "
            f"{plural(whole, 'image')} ({percent(n / whole, 1)} %)"
            for n, whole, actual, predicted in mistakes[:CONFUSIONS]
        ]

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


def model_card(model: EvaluatedModel) -> str:
    """The page; the same model, split and scores give the same text."""
    known = YAML(typ="safe", pure=True).load(TEMPLATES / "datasets.yaml").get(model.dataset)
    template = environment(escape=False).get_template("model_card.md.j2")
    return template.render(it=model, known=known).rstrip("\n") + "\n"


def confusion_table(
    title: str, scores: Mapping[str, Any]
) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows for a terminal; headings of four letters, so that eight classes fit 80
    columns.
    """
    classes, by_class = scores["classes"], scores["per_class"]
    rows = [
        [short(name), *map(count, counts), percent(by_class[name]["recall"], 0)]
        for name, counts in zip(classes, scores["confusion"], strict=True)
    ]
    head = ["", *(name[:4] for name in classes), "%"]
    return f"{title}: rows: the actual class, columns: the predicted one, %: recall", head, rows


def score_lines(scores: Mapping[str, Any], on: str | None) -> list[str]:
    """The scores, and on the test images of another dataset `on` which classes were left out."""
    return sentences("scores.txt.j2", scores=scores, on=on)
