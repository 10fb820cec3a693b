"""What a run does otherwise than a published one: one list, wherever their numbers meet."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clfer.paper.published import CONTESTED, UNKNOWN, Published, classes, of_paper
from clfer.report.numbers import count
from clfer.scoring.selection import TEST, VAL

Recipes = Sequence[Mapping[str, Any]]
# The paper's settings, Sec. IV-A; stem and batch size are the released code's.
PAPER: dict[str, Any] = {
    "backbone": "resnet18",
    "weights": "imagenet",
    "stem": "full",
    "crop": 224,
    "epochs": 100,
    "batch_size": 256,
    "optimizer": "adam",
    "lr": 0.001,
    "weight_decay": 0.0001,
    "schedule": "exponential",
    "targets": "majority",
    "balance": "none",
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "rotation": 0.0,
    "zoom": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "ema": 0.0,
}
NAMES = {
    "backbone": "network",
    "weights": "initial weights",
    "crop": "input size",
    "lr": "learning rate",
    "balance": "class balance",
    "ema": "averaged weights",
}
CHOSEN = {TEST: "on the test images", VAL: "on validation images"}


class Ours(NamedTuple):
    """How ours was tested, on how many images and classes; protocol: in words or as settings."""

    dataset: str
    images: int
    classes: int
    protocol: Any
    selected_on: str


def from_paper(ours: Ours, recipes: Recipes) -> list[str]:
    """What ours does otherwise than the paper, whether that was on this dataset or not."""
    return from_published(of_paper(ours.dataset, "ours"), ours, recipes)


def from_published(other: Published | None, ours: Ours, recipes: Recipes) -> list[str]:
    """What keeps two accuracies from being compared like with like.

    recipes: the settings of our runs' training, none where they are not recorded. Of others than
    the paper no more is known than network and initial weights. None: the paper, elsewhere.
    """
    paper = other is None or other.name.startswith("the paper's")
    whose = "in the paper" if other is None or paper else f"in {other.name}"
    lines = [_epoch(other.protocol if other else TEST, ours.selected_on, whose)]
    if other is None:
        lines.append("the dataset is none of the paper's")
    else:
        if other.images != ours.images:
            lines.append(f"test images: {count(ours.images)} here, {count(other.images)} {whose}")
        if (theirs := classes(ours.dataset)) != ours.classes:
            lines.append(f"classes: {ours.classes} here, {theirs} {whose}")
    if isinstance(ours.protocol, Mapping) and ours.protocol.get("duplicates") == "drop":
        lines.append(f"copies of test images are kept out of training here, not known {whose}")
    stated = {"backbone": other.network, "weights": other.pretrained} if other else {}
    known = PAPER if paper else {key: value for key, value in stated.items() if value}
    lines += _training(recipes, known, whose)
    if other and other.note:
        lines.append(f"disputed: {other.note}" if other.protocol == CONTESTED else other.note)
    return [line for line in lines if line]


def _epoch(theirs: str, ours: str, whose: str) -> str:
    """How the epochs were chosen, where not in the same way."""
    if theirs in (CONTESTED, UNKNOWN):
        return f"the epoch is chosen {CHOSEN[ours]} here, how {whose} is not known"
    if theirs == ours:
        return ""
    return f"the epoch is chosen {CHOSEN[ours]} here, {CHOSEN[theirs]} {whose}"


def _training(recipes: Recipes, theirs: Mapping[str, Any], whose: str) -> list[str]:
    """Settings in which some of our runs differ, and labels or images that they went without."""
    if not recipes:
        return ["the settings of training here are not recorded"]
    lines = []
    for recipe in recipes:
        for key, value in theirs.items():
            ours = recipe.get(key, value)
            if _plain(ours) != _plain(value):
                name = NAMES.get(key, key.replace("_", " "))
                lines.append(f"{name}: {ours} here, {value} {whose}")
        if (share := recipe.get("labelled_fraction", 1)) < 1:
            lines.append(f"{100 * share:.4g} % of the training labels are used here")
        if scarce := recipe.get("scarce_class"):
            lines.append(f"{100 * recipe['scarce_kept']:.4g} % of {scarce} is trained on here")
    return list(dict.fromkeys(lines))


def _plain(value: Any) -> Any:
    """Names of networks and data sets without case and hyphens: ResNet-18 is resnet18."""
    return value.lower().replace("-", "") if isinstance(value, str) else value
