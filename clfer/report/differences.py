"""What a run does otherwise than a published one: one list, wherever their numbers meet."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.paper.published import CONTESTED, UNKNOWN, Published, classes, of_paper
from clfer.report.numbers import count
from clfer.scoring.selection import TEST, VAL

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


def from_published(
    other: Published,
    dataset: str,
    images: int,
    kinds: int,
    protocol: Any,
    selected_on: str,
    recipes: Sequence[Mapping[str, Any]],
) -> list[str]:
    """What keeps two accuracies from being compared like with like.

    `images` and `kinds` are the numbers of our test images and of their classes; `protocol` is the
    dataset's, in words or as a table of settings, of which `duplicates` is read. `recipes` are the
    settings of our runs' training, none where they are not recorded. Of others than the paper no
    more is known than network and initial weights.
    """
    paper = other.name.startswith("the paper's")
    whose = "in the paper" if paper else f"in {other.name}"
    lines = [_epoch(other.protocol, selected_on, whose)]
    if other.images != images:
        lines.append(f"test images: {count(images)} here, {count(other.images)} {whose}")
    if (theirs := classes(dataset)) != kinds:
        lines.append(f"classes: {kinds} here, {theirs} {whose}")
    if isinstance(protocol, Mapping) and protocol.get("duplicates") == "drop":
        lines.append(f"copies of test images are kept out of training here, not known {whose}")
    stated = {"backbone": other.network, "weights": other.pretrained}
    known = PAPER if paper else {key: value for key, value in stated.items() if value}
    lines += _training(recipes, known, whose)
    if other.note:
        lines.append(f"disputed: {other.note}" if other.protocol == CONTESTED else other.note)
    return [line for line in lines if line]


def from_paper(
    dataset: str,
    images: int,
    kinds: int,
    protocol: Any,
    selected_on: str,
    recipes: Sequence[Mapping[str, Any]],
) -> list[str]:
    """The same of the paper's own runs, whether they were on this dataset or not."""
    if own := of_paper(dataset, "ours"):
        return from_published(own, dataset, images, kinds, protocol, selected_on, recipes)
    lines = ["the dataset is none of the paper's", _epoch(TEST, selected_on, "in the paper")]
    return [line for line in [*lines, *_training(recipes, PAPER, "in the paper")] if line]


def _epoch(theirs: str, ours: str, whose: str) -> str:
    """How the epochs were chosen, where not in the same way."""
    if theirs in (CONTESTED, UNKNOWN):
        return f"the epoch is chosen {CHOSEN[ours]} here, how {whose} is not known"
    if theirs == ours:
        return ""
    return f"the epoch is chosen {CHOSEN[ours]} here, {CHOSEN[theirs]} {whose}"


def _training(
    recipes: Sequence[Mapping[str, Any]], theirs: Mapping[str, Any], whose: str
) -> list[str]:
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
