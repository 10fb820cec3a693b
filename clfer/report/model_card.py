"""A model that has been evaluated: its card as a page of Markdown, and its scores on a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from clfer.model.bundle import Card
from clfer.report import numbers
from clfer.report.differences import Ours, from_paper
from clfer.report.markdown import table
from clfer.report.rendering import TEMPLATES, environment
from clfer.scoring.calibration import has_votes
from clfer.scoring.selection import TEST
from clfer.settings import Settings

PARTS = ("train", "val", "test")
MODULES = {
    "msr": "multi-scale representation (MSR)",
    "clfm": "contrastive learning of feature maps (CLFM)",
    "clbs": "contrastive learning of batch samples (CLBS)",
    "warmup": "warm-up of CLFM and CLBS",
    "simsiam": "SimSiam",
    "scn": "Self-Cure Network (SCN)",
}
ONLY_IN_TRAINING = {"clfm", "clbs", "warmup", "simsiam"}
CONFUSIONS = 5  # the commonest that are named
SCORES = {
    "accuracy": "accuracy",
    "uar": "UAR, mean recall of the classes",
    "macro_f1": "macro-F1",
    "ece": "ECE, calibration error",
    "top2": "right among the raters' first two",
}


class About(Settings):
    """What is known of a dataset beyond its files; templates/datasets.yaml says what each means."""

    title: str
    pictures: str
    labels: str
    expressions: str
    terms: str


@cache
def known_datasets() -> MappingProxyType[str, About]:
    """All datasets of templates/datasets.yaml by their names."""
    loaded = YAML(typ="safe", pure=True).load(TEMPLATES / "datasets.yaml")
    return MappingProxyType({name: About.model_validate(one) for name, one in loaded.items()})


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
    functions = (modules, settings, images, overall, per_class, confusions, differs, numbered)
    text = (
        environment(escape=False)
        .get_template("model_card.md.j2")
        .render(
            it=model,
            known=known_datasets().get(model.dataset),
            **{one.__name__: one for one in functions},
        )
    )
    return text.rstrip("\n") + "\n"


def differs(model: EvaluatedModel) -> list[str]:
    """What the training and the test were otherwise than in the paper."""
    scores, recipe = model.scores, model.recipe
    images, classes = scores["images"], len(scores["classes"])
    ours = Ours(model.dataset, images, classes, scores["protocol"], recipe["select"])
    return from_paper(ours, [recipe])


def numbered(names: Iterable[str]) -> str:
    """'0 neutral, 1 happiness'."""
    return ", ".join(f"{place} {numbers.literal(name)}" for place, name in enumerate(names))


def modules(model: EvaluatedModel) -> str:
    """What the variant adds to the network, with what is gone when it predicts."""
    here = [name for name, one in model.card.variant.model_dump().items() if one]
    return "; ".join(
        MODULES[name] + (", in training alone" if name in ONLY_IN_TRAINING else "") for name in here
    ) or ("nothing beside the backbone")


def settings(block: Mapping[str, Any], keys: Sequence[str]) -> str:
    """'epochs 9, batch_size 16'."""
    return ", ".join(f"{key.replace('_', ' ')} {block[key]}" for key in keys if key in block)


def images(model: EvaluatedModel) -> str:
    """Images by class and part."""
    labels = {part: model.split.filter(split=part)["label"].cast(pl.String) for part in PARTS}
    counts = {part: dict(one.value_counts().iter_rows()) for part, one in labels.items()}
    rows = [
        [numbers.literal(name), *(numbers.count(part.get(name, 0)) for part in counts.values())]
        for name in model.card.classes
    ]
    total = ["all", *(numbers.count(sum(part.values())) for part in counts.values())]
    return table(["images", *PARTS], [*rows, total], "lrrr")


def overall(model: EvaluatedModel) -> str:
    """The scores of the whole, and beside them those on images without a copy elsewhere."""
    parts = [model.scores, *filter(None, [model.scores["duplicate_free"]])]
    names = ("all test images", "without copies")[: len(parts)]
    head = ["score, %", *(cell for name in names for cell in (name, "95 % interval"))]
    rows = [["images", *(cell for part in parts for cell in (numbers.count(part["images"]), ""))]]
    for key, words in SCORES.items():
        if model.scores[key] is not None:
            pairs = [(numbers.percent(one[key]), interval(one.get(f"{key}_ci95"))) for one in parts]
            rows.append([words, *(cell for pair in pairs for cell in pair)])
    return table(head, rows, "l" + "r" * (len(head) - 1))


def per_class(model: EvaluatedModel) -> str:
    """Recall and precision of each class with their intervals; a class that is never chosen has no
    precision.
    """
    rows = []
    for name, chosen in zip(
        model.scores["classes"], np.sum(model.scores["confusion"], axis=0), strict=True
    ):
        one = model.scores["per_class"][name]
        recall, precision = (
            f"{numbers.percent(one[key], 1)} {interval(one[f'{key}_ci95'])}"
            for key in ("recall", "precision")
        )
        support = numbers.count(one["support"])
        rows.append(
            [numbers.literal(name), support, recall, precision if chosen else "never chosen"]
        )
    return table(["class", "images", "recall, %", "precision, %"], rows, "lrrr")


def confusions(model: EvaluatedModel) -> list[str]:
    """The commonest mistakes, in words."""
    names = model.scores["classes"]
    mistakes = [
        (count, sum(row), actual, predicted)
        for actual, row in zip(names, model.scores["confusion"], strict=True)
        for predicted, count in zip(names, row, strict=True)
        if actual != predicted and count
    ]
    mistakes.sort(key=lambda one: -one[0])
    return [
        f"{numbers.literal(actual)} taken for {numbers.literal(predicted)}: {count:,} of "
        f"{numbers.plural(whole, 'image')} ({numbers.percent(count / whole, 1)} %)"
        for count, whole, actual, predicted in mistakes[:CONFUSIONS]
    ]


def interval(bounds: Sequence[float] | None) -> str:
    """An interval of a share in percent: '[61.5, 71.5]'; a dash for none."""
    return numbers.between(bounds, 1) or numbers.ABSENT


def confusion_table(
    title: str, scores: Mapping[str, Any]
) -> tuple[str, list[str], list[list[str]]]:
    """Title, head and rows for a terminal; headings of four letters, so that eight classes fit 80
    columns.
    """
    classes = scores["classes"]
    rows = [
        [
            numbers.short(name),
            *map(numbers.count, counts),
            numbers.percent(scores["per_class"][name]["recall"], 0),
        ]
        for name, counts in zip(classes, scores["confusion"], strict=True)
    ]
    head = ["", *(name[:4] for name in classes), "%"]
    return f"{title}: rows: the actual class, columns: the predicted one, %: recall", head, rows


def score_lines(scores: Mapping[str, Any], on: str | None) -> list[str]:
    """The scores, and on the test images of another dataset `on` which classes were left out."""
    shares = {key: numbers.percent(scores[key]) for key in ("accuracy", "uar", "macro_f1", "ece")}
    count, between = numbers.plural(scores["images"], "image"), numbers.between
    lines = [
        f"accuracy {shares['accuracy']} {between(scores['accuracy_ci95'])} %, {count}",
        f"UAR {shares['uar']} %, macro-F1 {shares['macro_f1']} %, ECE {shares['ece']} %",
    ]
    if scores["top2"] is not None:
        lines.append(
            f"raters' first or second choice {numbers.percent(scores['top2'])} %, "
            f"KL divergence from their votes {scores['kl']:.3f} nats"
        )
    transfer = scores["transfer"] if on else {}
    if transfer.get("left_out_of_data"):
        lines.append(
            f"{numbers.plural(transfer['images_left_out'], 'image')} of {on} left out, whose class "
            f"the model does not have: {', '.join(transfer['left_out_of_data'])}"
        )
    if transfer.get("left_out_of_model"):
        lines.append(
            f"not to be chosen, since {on} does not have it: "
            f"{', '.join(transfer['left_out_of_model'])} (the model's first choice in "
            f"{numbers.percent(transfer['preferred_another'], 1)} % of the images)"
        )
    return lines
