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
# Rows of the paper's Table IV by the parts that they have: MSR, CLFM, CLBS.
TABLE4 = {
    "baseline": (False, False, False),
    "clbs": (False, False, True),
    "clfm": (False, True, False),
    "cl": (False, True, True),
    "msr": (True, False, False),
    "msr_clbs": (True, False, True),
    "msr_clfm": (True, True, False),
}
TABLE6 = {"class_center": "class_center"}


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
    text = (files("clfer.scoring") / "published.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def tables() -> Mapping[str, Any]:
    """The paper's tables I to VIII and Figure 8, as they stand in the file (percent)."""
    found: Mapping[str, Any] = everything()["tables"]
    return found


def published(dataset: str) -> list[Published]:
    """The paper's own accuracy, those of its Table VII, and those of newer peers, in this order."""
    known = everything()
    rows: Mapping[str, Any] = tables()["table7_state_of_the_art"]
    listed = [
        {
            "name": name,
            "year": known["table7_years"][name],
            "protocol": TEST if name in known["table7_on_test"] else UNKNOWN,
            **row,
        }
        for name, row in rows.items()
    ]
    own = of_paper(dataset, OURS)
    others = [one for one in [*listed, *known["peers"]] if dataset in one]
    return [*([own] if own else []), *(competitor(one, dataset) for one in others)]


def competitor(row: Mapping[str, Any], dataset: str) -> Published:
    """One row of Table VII or of the peers."""
    return Published(
        row["name"],
        fraction(row[dataset]),
        row.get("year"),
        row.get("network"),
        row.get("pretrained"),
        row["protocol"],
        everything()["test_images"][dataset],
        row.get("note"),
    )


def of_paper(dataset: str, variant: str) -> Published | None:
    """What the paper reports of one of our variants on a dataset; None where it reports nothing."""
    percent = row_of_paper(dataset, variant)
    if percent is None:
        return None
    name = PAPER if variant == OURS else f"the paper's {variant}"
    images = everything()["test_images_of_paper"][dataset]
    return Published(name, fraction(percent), 2024, "ResNet-18", "ImageNet", TEST, images, None)


def row_of_paper(dataset: str, variant: str) -> float | None:
    """The accuracy in percent from Table IV, VI or VII."""
    known = tables()
    if variant == OURS:
        found = known["headline"].get(dataset)
    elif variant in TABLE6:
        found = known["table6_centers"][TABLE6[variant]].get(dataset)
    elif variant in TABLE4:
        parts = dict(zip(("msr", "clfm", "clbs"), TABLE4[variant], strict=True))
        row = next(one for one in known["table4_ablation"] if parts.items() <= one.items())
        # Table IV leaves out SFEW, whose baseline stands in Table VII.
        found = row.get(dataset, known["baseline"].get(dataset) if variant == "baseline" else None)
    else:
        found = None
    return None if found is None else float(found)


def seeds_of_paper(dataset: str) -> OverSeeds | None:
    """Table VIII: the paper's own method over ten seeds; None where it was not run."""
    row = tables()["table8_seeds"].get(dataset)
    return OverSeeds(fraction(row["mean"]), fraction(row["std"]), 10) if row else None


def ruled(dataset: str) -> Published | None:
    """Whom the paper's text claims to be ahead of on a dataset by its rule of three std."""
    name = everything()["paper_rule"].get(dataset)
    return next((one for one in published(dataset) if one.name == name), None)


def classes(dataset: str) -> int | None:
    """The number of classes that published numbers of a dataset are about."""
    found: int | None = everything()["classes"].get(dataset)
    return found


def fraction(percent: float) -> float:
    """Percent as a fraction, without binary dust: 89.47 becomes 0.8947."""
    return round(percent / 100, 9)
