"""The card of a trained model as a page of Markdown: what it is, what it was trained and tested on,
how well it does, what it is for and what not.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from clfer.report import numbers
from clfer.report.differences import Ours, from_paper
from clfer.report.markdown import table
from clfer.report.rendering import TEMPLATES, environment
from clfer.report.trained import PARTS, Trained
from clfer.settings import Settings

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


def model_card(trained: Trained) -> str:
    """The page; the same model, split and scores give the same text."""
    text = (
        environment(escape=False)
        .get_template("model_card.md.j2")
        .render(
            it=trained,
            known=known_datasets().get(trained.dataset),
            modules=modules,
            settings=settings,
            images=images,
            overall=overall,
            per_class=per_class,
            confusions=confusions,
            differs=differs,
            numbered=numbered,
        )
    )
    return text.rstrip("\n") + "\n"


def differs(trained: Trained) -> list[str]:
    """What the training and the test were otherwise than in the paper."""
    scores, recipe = trained.scores, trained.recipe
    images, classes = scores["images"], len(scores["classes"])
    ours = Ours(trained.dataset, images, classes, scores["protocol"], recipe["select"])
    return from_paper(ours, [recipe])


def between(interval: Sequence[float] | None) -> str:
    """An interval of a share in percent: '[61.5, 71.5]'; a dash for none."""
    return numbers.between(interval, 1) or numbers.ABSENT


def numbered(names: Iterable[str]) -> str:
    """'0 neutral, 1 happiness'."""
    return ", ".join(f"{place} {numbers.literal(name)}" for place, name in enumerate(names))


def modules(trained: Trained) -> str:
    """What the variant adds to the network, with what is gone when it predicts."""
    here = [name for name, one in trained.card.variant.model_dump().items() if one]
    if not here:
        return "nothing beside the backbone"
    return "; ".join(
        MODULES[name] + (", in training alone" if name in ONLY_IN_TRAINING else "") for name in here
    )


def settings(block: Mapping[str, Any], keys: Sequence[str]) -> str:
    """'epochs 9, batch_size 16'."""
    return ", ".join(f"{key.replace('_', ' ')} {block[key]}" for key in keys if key in block)


def images(trained: Trained) -> str:
    """Images by class and part."""
    counts = [trained.images(part) for part in PARTS]
    rows = [
        [numbers.literal(name), *(numbers.count(part[name]) for part in counts)]
        for name in trained.card.classes
    ]
    total = ["all", *(numbers.count(sum(part.values())) for part in counts)]
    return table(["images", *PARTS], [*rows, total], "lrrr")


def overall(trained: Trained) -> str:
    """The scores of the whole, and beside them those on images without a copy elsewhere."""
    found, unique = trained.scores, trained.scores["duplicate_free"]
    head = ["score, %", "all test images", "95 % interval"]
    head += ["without copies", "95 % interval"] if unique else []
    rows = [["images", numbers.count(found["images"]), ""]]
    rows[0] += [numbers.count(unique["images"]), ""] if unique else []
    for words, key in (
        ("accuracy", "accuracy"),
        ("UAR, mean recall of the classes", "uar"),
        ("macro-F1", "macro_f1"),
        ("ECE, calibration error", "ece"),
        ("right among the raters' first two", "top2"),
    ):
        if found[key] is not None:
            parts = [part for part in (found, unique) if part]
            cells = [
                (numbers.percent(part[key]), between(part.get(f"{key}_ci95"))) for part in parts
            ]
            rows.append([words, *(cell for pair in cells for cell in pair)])
    return table(head, rows, "l" + "r" * (len(head) - 1))


def per_class(trained: Trained) -> str:
    """Recall and precision of each class with their intervals; a class that is never chosen has no
    precision.
    """
    chosen = np.sum(trained.scores["confusion"], axis=0)
    rows = []
    for name, often in zip(trained.scores["classes"], chosen, strict=True):
        one = trained.scores["per_class"][name]
        recall = f"{numbers.percent(one['recall'], 1)} {between(one['recall_ci95'])}"
        precision = f"{numbers.percent(one['precision'], 1)} {between(one['precision_ci95'])}"
        found = [numbers.literal(name), numbers.count(one["support"]), recall]
        rows.append([*found, precision if often else "never chosen"])
    return table(["class", "images", "recall, %", "precision, %"], rows, "lrrr")


def confusions(trained: Trained) -> list[str]:
    """The commonest mistakes, in words."""
    lines = []
    for actual, predicted, count, whole in trained.confusions()[:CONFUSIONS]:
        pair = f"{numbers.literal(actual)} taken for {numbers.literal(predicted)}"
        share = numbers.percent(count / whole, 1)
        lines.append(f"{pair}: {count:,} of {numbers.plural(whole, 'image')} ({share} %)")
    return lines
