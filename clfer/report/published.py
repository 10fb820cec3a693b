"""Our accuracies beside published ones: what the runs do otherwise, and verdicts in sentences."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from clfer.paper.published import (
    CONTESTED,
    OURS,
    PAPER,
    UNKNOWN,
    Published,
    classes,
    published_for,
)
from clfer.paper.published import of_paper as row_of_paper
from clfer.paper.result import paper_rule, published_comparisons
from clfer.report.numbers import change, count, percent, plural, probability
from clfer.scoring.selection import TEST, VAL

OWNERS = {"paper": "the paper's own", "ours": "our"}
FLATTERED = "Optimistic, checkpoints chosen on the test images. "
Recipes = Sequence[Mapping[str, Any]]
# The paper's settings, Sec. IV-A; stem and batch size are the released code's.
SETTINGS: dict[str, Any] = {
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
    return from_published(row_of_paper(ours.dataset, OURS), ours, recipes)


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
    known = SETTINGS if paper else {key: value for key, value in stated.items() if value}
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


def published_with_verdicts(
    name: str, dataset: Mapping[str, Any], recipes: Mapping[str, Recipes]
) -> dict[str, Any]:
    """Entries of one dataset of the summary: `differs` from the paper, `published`, `paper_rule`.

    recipes: the settings of training of each variant's runs, as far as they are recorded.
    """
    images, variants = dataset["test_images"], dataset["variants"]
    selected_on = dataset["selected_on"]
    ours = Ours(name, images, len(dataset["classes"]), dataset["protocol"], selected_on)
    entries = published_comparisons(name, images, variants)
    for entry in entries:
        others = {one.name: one for one in published_for(name, entry["variant"])}
        own = recipes.get(entry["variant"], [])
        entry["differs"] = from_published(others[entry["name"]], ours, own)
        entry["verdict"] = verdict(entry, selected_on)
    return {
        "differs": from_paper(ours, list(chain.from_iterable(recipes.values()))),
        "published": entries,
        "paper_rule": rule_with_verdicts(name, variants.get(OURS, {}).get("accuracy")),
    }


def rule_with_verdicts(dataset: str, accuracy: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The entries of `paper_rule`, each with its verdict."""
    return [{**one, "verdict": rule_verdict(one)} for one in paper_rule(dataset, accuracy)]


def of_paper(entry: Mapping[str, Any]) -> bool:
    """Whether the published number is one of the paper's."""
    return bool(entry["name"] == PAPER or entry["variant"] != OURS)


def verdict(entry: Mapping[str, Any], selected_on: str) -> str:
    """What one entry of `published` says: the difference, its uncertainty, and that protocols
    differ, of which `differs` is the list.
    """
    side = "above" if entry["difference"] > 0 else "below"
    runs = "with one seed" if entry["seeds"] == 1 else f"on average over {entry['seeds']} seeds"
    low, high = entry["ci95"]
    could = "could" if low <= 0 <= high else "hardly"
    apart = plural(len(entry["differs"]), "point")
    unlike = f' The runs differ in {apart}, see "What differs".' if entry["differs"] else ""
    theirs, test = f"the {percent(entry['accuracy'])} % published for {entry['name']}", "no test"
    if entry["p"] is not None:
        theirs = f"the paper's mean over ten seeds, {percent(entry['accuracy'])} %"
        test = f"Welch's test, {probability(entry['p'])}"
    return (
        f"{FLATTERED if selected_on == TEST else ''}{entry['variant']} reaches "
        f"{percent(entry['ours'])} % {runs}, {percent(abs(entry['difference']))} points {side} "
        f"{theirs} (95 % interval for other {entry['covers']} {change(entry['ci95'])}; "
        f"{test}). Other {entry['covers']} alone {could} explain the difference.{unlike}"
    )


def rule_verdict(entry: Mapping[str, Any]) -> str:
    """What the paper's rule says of one mean and standard deviation."""
    owner, mean, std = OWNERS[entry["whose"]], 100 * entry["mean"], 100 * entry["std"]
    holds = "is below" if entry["holds"] else "is not below"
    outcome = "the rule holds" if entry["holds"] else "the rule does not hold"
    if entry["whose"] == "paper" and not entry["holds"]:
        outcome += ", although the paper's text claims it"
    return (
        f"The paper's rule on {owner} numbers: {entry['competitor']}'s "
        f"{percent(entry['accuracy'])} % {holds} the mean minus three standard deviations over "
        f"seeds, {mean:.2f} - 3 x {std:.3f} = {percent(entry['threshold'])} %; {outcome}. It is no "
        f"test of significance: it leaves out that other test images would give other accuracies."
    )
