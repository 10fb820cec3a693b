"""Tool describe: what a dataset holds, for people: classes, agreement of raters, mean faces."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from clfer.datasets import labels as columns
from clfer.description import report
from clfer.description.rows import rows
from clfer.figures import description
from clfer.files import replacing
from pipeline import paths, stored
from pipeline.console import say, table
from pipeline.params import dataset

REASONS = 10  # of rejections that are listed
LETTERS = 18  # of a class's name: tables shall fit a terminal of 80 columns


def describe(name: Annotated[str, typer.Argument(metavar="DATASET")]) -> None:
    """Show classes by split, agreement among raters and mean faces of a dataset.

    Writes data/describe/DATASET.json and .png. Without a table of `clfer split` the splits are as
    published.
    """
    module = dataset(name)
    labels = paths.labels(name)
    published = stored.table(labels, f"relabel {name}")
    pixels = stored.array(paths.faces(name), f"align {name}")
    faces = stored.table(paths.faces(name).with_suffix(".parquet"), f"align {name}")
    cut = paths.split(name)
    divided = stored.table(cut, f"split {name}") if cut.exists() else None
    images = rows(published, faces, module.SPLITS, divided)
    about = columns.about(labels)
    said, means = report.describe(images, pixels)
    found = {
        "dataset": name,
        "protocol": about["protocol"],
        "evidence": json.loads(about["evidence"]),
        "split": "as published" if divided is None else "as divided",
        **said,
    }
    picture = paths.description(name)
    target = picture.with_suffix(".json")
    with replacing(picture) as temporary:
        description.draw(found, means, f"{name}: {found['protocol']}", temporary)
    with replacing(target) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
    _classes(found["splits"], found["classes"])
    if found["raters"]:
        _raters(found["raters"])
    _faces(found["faces"])
    say([*_told(found), f"to look at: {picture}"], f"describe {name}: {target}")


def _classes(splits: Mapping[str, Any], names: list[str]) -> None:
    """The two histograms, of what is used and of what was published."""
    for kind, title in (("used", "images used"), ("published", "published with a label")):
        parts = {part: both[kind] for part, both in splits.items()}
        lines = [
            [_short(one), *_pairs([parts[part]["classes"][one] for part in parts])] for one in names
        ]
        lines.append(
            ["all", *(text for one in parts.values() for text in (f"{one['images']:,}", ""))]
        )
        ratios = (_number(one["imbalance"], 1) for one in parts.values())
        lines.append(["largest : smallest", *(text for ratio in ratios for text in (ratio, ""))])
        table(title, ["class", *(text for part in parts for text in (part, "%"))], lines)


def _pairs(counts: list[dict[str, Any]]) -> Iterator[str]:
    for one in counts:
        yield f"{one['images']:,}"
        yield f"{100 * one['share']:.1f}"


def _raters(raters: Mapping[str, Any]) -> None:
    """Agreement by image and by class, and what raters take for what."""
    table(
        "votes for the strongest column",
        ["votes", "images", "%", "with a label"],
        [
            [
                str(one["votes"]),
                f"{one['images']:,}",
                f"{100 * one['share']:.1f}",
                f"{one['labelled']:,}",
            ]
            for one in raters["top_vote"]
        ],
    )
    table(
        "mean share of the votes in %, by label; bits: mean entropy",
        ["label", *(column[:3] for column in raters["columns"]), "bits"],
        [
            [
                _short(name),
                *(_percent(share) for share in one["shares"] or [None] * len(raters["columns"])),
                _number(one["entropy"], 2),
            ]
            for name, one in raters["classes"].items()
        ],
    )


def _faces(faces: Mapping[str, Any]) -> None:
    table(
        "grey levels: mean and spread over the images",
        ["class", "faces", "brightness", "+-", "contrast", "+-"],
        [
            [
                _short(name),
                f"{one['images']:,}",
                *(
                    _number(one[what][of], 1)
                    for what in ("brightness", "contrast")
                    for of in ("mean", "std")
                ),
            ]
            for name, one in (("all", faces["all"]), *faces["classes"].items())
        ],
    )
    reasons = list(faces["rejected"].items())
    if reasons:
        table("rejected", ["reason", "images"], [[why, f"{n:,}"] for why, n in reasons[:REASONS]])


def _told(found: Mapping[str, Any]) -> Iterator[str]:
    """What stands in no table, in a few lines."""
    yield found["protocol"]
    yield f"{found['rows']:,} images, splits {found['split']}"
    yield "faces: " + ", ".join(f"{n:,} {how}" for how, n in found["faces"]["outcomes"].items())
    raters = found["raters"]
    if not raters:
        yield "raters: this dataset has no votes"
        return
    pairs = "" if raters["pairs"] is None else f"two raters agree {100 * raters['pairs']:.1f} %, "
    yield f"raters: {raters['images']:,} images rated, {pairs}entropy {raters['entropy']:.2f} bits"


def _short(name: str) -> str:
    """Without its middle where it is long: names of classes often differ at their ends."""
    half = LETTERS // 2
    return name if len(name) <= LETTERS else f"{name[:half]}…{name[1 - half :]}"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return _number(share and 100 * share, 0)
