"""What others have published on the datasets that ours are compared on: published.yaml.

Accuracies are fractions here and percent in the file. A dataset without published numbers (the
demo, a folder of one's own) has none of anything.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from clfer.scoring.selection import TEST

# How the epoch of a published model was chosen, beside `selection.VAL` and `selection.TEST`.
CONTESTED, UNKNOWN = "contested", "unknown"
PAPER = "the paper's CL+MSR"
OURS = "ours"
# Our names of the rows of Table IV, in its order.
TABLE4 = ("baseline", "clbs", "clfm", "cl", "msr", "msr_clbs", "msr_clfm", OURS)


class Published(NamedTuple):
    """One published accuracy and how it came about; None where that is not stated.

    protocol: `test` (its epoch is the best on the test images), `val`, `contested` or `unknown`
    images:   of the published test set
    note:     what else has to be known
    """

    name: str
    accuracy: float
    year: int | None
    network: str | None
    pretrained: str | None
    protocol: str
    images: int
    note: str | None


class OverSeeds(NamedTuple):
    """Mean and standard deviation of the paper's accuracy over its seeds."""

    mean: float
    std: float
    seeds: int


@cache
def everything() -> Mapping[str, Any]:
    """The whole file."""
    text = (files("clfer.paper") / "published.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def tables() -> Mapping[str, Any]:
    """The paper's tables I to VIII and Figure 8, as they stand in the file (percent)."""
    paper: Mapping[str, Any] = everything()["tables"]
    return paper


def published(dataset: str) -> list[Published]:
    """The paper's own accuracy, those of its Table VII, and those of newer peers, in this order."""
    known = everything()
    listed = [
        {
            "name": name,
            "year": known["table7_years"][name],
            "protocol": TEST if name in known["table7_on_test"] else UNKNOWN,
            **row,
        }
        for name, row in tables()["table7_state_of_the_art"].items()
    ]
    own = of_paper(dataset, OURS)
    others = [
        Published(
            row["name"],
            fraction(row[dataset]),
            row.get("year"),
            row.get("network"),
            row.get("pretrained"),
            row["protocol"],
            known["test_images"][dataset],
            row.get("note"),
        )
        for row in [*listed, *known["peers"]]
        if dataset in row
    ]
    return [own, *others] if own else others


def published_for(dataset: str, variant: str) -> list[Published]:
    """The published numbers beside a variant: all beside `ours`, else its row in the paper."""
    row = of_paper(dataset, variant)
    return published(dataset) if variant == OURS else [row] if row else []


def of_paper(dataset: str, variant: str) -> Published | None:
    """What Tables IV, VI and VII have of one of our variants on a dataset; None where nothing."""
    paper = tables()
    row: Mapping[str, Any] = {}
    if variant == "class_center":
        row = paper["table6_centers"]["class_center"]
    elif variant in TABLE4:  # it leaves out SFEW
        whole = {OURS: paper["headline"], "baseline": paper["baseline"]}.get(variant, {})
        row = {**paper["table4_ablation"][TABLE4.index(variant)], **whole}
    if dataset not in row:
        return None
    name = PAPER if variant == OURS else f"the paper's {variant}"
    images = everything()["test_images_of_paper"][dataset]
    accuracy = fraction(row[dataset])
    return Published(name, accuracy, 2024, "ResNet-18", "ImageNet", TEST, images, None)


def seeds_of_paper(dataset: str) -> OverSeeds | None:
    """Table VIII: the paper's own method over ten seeds; None where it was not run."""
    row = tables()["table8_seeds"].get(dataset)
    return OverSeeds(fraction(row["mean"]), fraction(row["std"]), 10) if row else None


def rule_competitor(dataset: str) -> Published | None:
    """Whom the paper's text claims to be ahead of on a dataset by its rule of three std."""
    name = everything()["paper_rule"].get(dataset)
    return next((one for one in published(dataset) if one.name == name), None)


def classes(dataset: str) -> int | None:
    """The number of classes that published numbers of a dataset are about."""
    number: int | None = everything()["classes"].get(dataset)
    return number


def fraction(percent: float) -> float:
    """Percent as a fraction, without binary dust: 89.47 becomes 0.8947."""
    return round(percent / 100, 9)
