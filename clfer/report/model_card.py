"""A model that has been evaluated: its card as a page of Markdown, and its scores on a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from clfer.model.bundle import Card
from clfer.report.differences import Ours, from_paper
from clfer.report.markdown import table
from clfer.report.numbers import ABSENT, between, count, literal, percent, plural, short
from clfer.report.rendering import TEMPLATES, environment, sentences
from clfer.scoring.calibration import has_votes
from clfer.scoring.selection import TEST

PARTS = ("train", "val", "test")
MODULES = {
    "msr": "multi-scale representation (MSR)",
    "clfm": "contrastive learning of feature maps (CLFM), in training alone",
    "clbs": "contrastive learning of batch samples (CLBS), in training alone",
    "warmup": "warm-up of CLFM and CLBS, in training alone",
    "simsiam": "SimSiam, in training alone",
    "scn": "Self-Cure Network (SCN)",
}
CONFUSIONS = 5  # the commonest that are named
SCORES = {
    "accuracy": "accuracy",
    "uar": "UAR, mean recall of the classes",
    "macro_f1": "macro-F1",
    "ece": "ECE, calibration error",
    "top2": "right among the raters' first two",
}


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
    functions = (modules, images, overall, per_class, confusions, differs)
    template = environment(escape=False).get_template("model_card.md.j2")
    text = template.render(it=model, known=known, **{one.__name__: one for one in functions})
    return text.rstrip("\n") + "\n"


def differs(model: EvaluatedModel) -> list[str]:
    """What the training and the test were otherwise than in the paper."""
    scores, recipe = model.scores, model.recipe
    images, classes = scores["images"], len(scores["classes"])
    ours = Ours(model.dataset, images, classes, scores["protocol"], recipe["select"])
    return from_paper(ours, [recipe])


def modules(model: EvaluatedModel) -> str:
    """What the variant adds to the network, with what is gone when it predicts."""
    here = [MODULES[name] for name, one in model.card.variant.model_dump().items() if one]
    return "; ".join(here) or "nothing beside the backbone"


def images(model: EvaluatedModel) -> str:
    """Images by class and part."""
    labels = {part: model.split.filter(split=part)["label"].cast(pl.String) for part in PARTS}
    counts = {part: dict(one.value_counts().iter_rows()) for part, one in labels.items()}
    rows = [
        [literal(name), *(count(part.get(name, 0)) for part in counts.values())]
        for name in model.card.classes
    ]
    total = ["all", *(count(sum(part.values())) for part in counts.values())]
    return table(["images", *PARTS], [*rows, total], "lrrr")


def overall(model: EvaluatedModel) -> str:
    """The scores of the whole, and beside them those on images without a copy elsewhere."""
    parts = [model.scores, *filter(None, [model.scores["duplicate_free"]])]
    names = ("all test images", "without copies")[: len(parts)]
    head = ["score, %", *(cell for name in names for cell in (name, "95 % interval"))]
    rows = [["images", *(cell for part in parts for cell in (count(part["images"]), ""))]]
    for key, words in SCORES.items():
        if model.scores[key] is not None:
            pairs = [(percent(one[key]), interval(one.get(f"{key}_ci95"))) for one in parts]
            rows.append([words, *(cell for pair in pairs for cell in pair)])
    return table(head, rows, "l" + "r" * (len(head) - 1))


def per_class(model: EvaluatedModel) -> str:
    """Recall and precision of each class with their intervals; a class that is never chosen has no
    precision.
    """
    scores, rows = model.scores, []
    for name, chosen in zip(scores["classes"], np.sum(scores["confusion"], axis=0), strict=True):
        one = scores["per_class"][name]
        recall, precision = (
            f"{percent(one[key], 1)} {interval(one[f'{key}_ci95'])}"
            for key in ("recall", "precision")
        )
        cells = (count(one["support"]), recall, precision if chosen else "never chosen")
        rows.append([literal(name), *cells])
    return table(["class", "images", "recall, %", "precision, %"], rows, "lrrr")


def interval(bounds: Sequence[float] | None) -> str:
    """An interval of a share in percent: '[61.5, 71.5]'; a dash for none."""
    return between(bounds, 1) or ABSENT


def confusions(model: EvaluatedModel) -> list[str]:
    """The commonest mistakes, in words."""
    names = model.scores["classes"]
    mistakes = [
        (n, sum(row), actual, predicted)
        for actual, row in zip(names, model.scores["confusion"], strict=True)
        for predicted, n in zip(names, row, strict=True)
        if actual != predicted and n
    ]
    return [
        f"{literal(actual)} taken for {literal(predicted)}: {count(n)} of "
        f"{plural(whole, 'image')} ({percent(n / whole, 1)} %)"
        for n, whole, actual, predicted in sorted(mistakes, key=lambda one: -one[0])[:CONFUSIONS]
    ]


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
