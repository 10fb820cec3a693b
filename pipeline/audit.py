"""Tool audit: the classes, raters, copies and faces of a dataset, and what is wrong with them."""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from jaxtyping import UInt8

from clfer.audit.images import TINY
from clfer.audit.leakage import lines
from clfer.audit.report import examples, report
from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import about
from clfer.datasets.splits import COLUMNS
from clfer.errors import InputError
from clfer.faces.packing import SCHEMA
from clfer.figures import dataset as figures
from clfer.files import replacing
from clfer.report.numbers import short
from pipeline import options, paths, stored
from pipeline.console import say, table
from pipeline.params import dataset

ALIKE = 0.1  # by which near duplicates may agree less in their labels than identical images do
COPIED = 0.99  # share of equal votes above which copies were not rated anew
REASONS = 10  # of rejections that are listed


def audit(
    name: options.Dataset,
    threshold: Annotated[float, typer.Option(help="Least correlation of near duplicates.")] = 0.9,
    crops: Annotated[bool, typer.Option(help="Look for other crops, too: 12 times longer.")] = True,
) -> None:
    """Report classes, raters' agreement, copies, near duplicates and poor images of a dataset.

    Writes data/audit/DATASET.json with all numbers, and beside it DATASET.png (classes, mean faces,
    votes) and DATASET-pairs.png (pairs to look at).
    """
    dataset(name)
    if not 0.5 <= threshold <= 1:
        raise InputError(f"--threshold: expected 0.5 to 1, found {threshold}")
    split = stored.table(paths.split(name), f"split {name}", COLUMNS)
    faces = stored.array(paths.faces(name), f"align {name}")
    labels = stored.table(paths.labels(name), f"relabel {name}", ("row", "label", "votes"))
    aligned = stored.table(paths.faces(name).with_suffix(".parquet"), f"align {name}", [*SCHEMA])
    described = about(paths.labels(name))
    numbers, near, means = report(split, labels, aligned, faces, threshold, crops)
    document = {
        "dataset": name,
        "protocol": described["protocol"],
        "evidence": json.loads(described["evidence"]),
        **numbers,
    }
    out = paths.audit(name)
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n")
    title = f"{name}: {document['protocol']}"
    figures.draw_overview(document, means, title, out.with_suffix(".png"))
    sheet = out.with_name(f"{name}-pairs.png")
    with replacing(sheet) as temporary:
        kinds = examples(split, near).items()
        figures.draw_pairs({kind: _pairs(rows, split, faces) for kind, rows in kinds}, temporary)
    _tables(document)
    say(_lines(document), f"audit {name}: {out}, {out.with_suffix('.png').name}, {sheet.name}")


def _pairs(
    rows: list[tuple[int, int]], split: pl.DataFrame, faces: UInt8[np.ndarray, "N S S C"]
) -> list[figures.Pair]:
    """Pairs of rows as faces, with what is known of each."""
    columns = ("row", "face", "published", pl.col("label").cast(pl.String))
    known = {
        row: (face, f"{row} {part}: {label}")
        for row, face, part, label in split.select(columns).iter_rows()
    }
    pairs = ((known[one], known[other]) for one, other in rows)
    return [
        (figures.square(faces[one]), figures.square(faces[other]), f"{words}\n{more}")
        for (one, words), (other, more) in pairs
    ]


def _tables(found: dict[str, Any]) -> None:
    parts, ratios = found["leakage"]["images"], found["imbalance"]
    classes = {
        name: [part["classes"][name] for part in parts.values()]
        for name in found["faces"]["classes"]
    }
    table(
        "images used / published with a label and a face",
        ["class", *parts],
        [
            [short(name), *(f"{n['used']:,} / {n['published']:,}" for n in counts)]
            for name, counts in {**classes, "all": list(parts.values())}.items()
        ]
        + [["largest : smallest", *(_number(ratios[part]["used"], 1) for part in parts)]],
    )
    kinds = {"=": found["identical"]["between"], "~": found["near"]["between"]}
    table(
        "published images with an identical one (=) or a near duplicate (~) in",
        ["images of", *(f"{sign} {part}" for sign in kinds for part in parts)],
        [
            [one, *(f"{n:,}" for there in kinds.values() for n in there[one].values())]
            for one in parts
        ],
    )
    copied = found["leakage"]["test_copied_in_train_or_val"]["classes"]
    near = found["near"]["beyond_identical"]["classes"]
    table(
        "published test images that also stand in train or val",
        ["class", "test images", "identical", "near alone"],
        [
            [short(name), f"{same['of']:,}", f"{same['images']:,}", f"{near[name]:,}"]
            for name, same in copied.items()
        ],
    )
    if found["raters"]:
        raters = found["raters"]["classes"].items()
        table(
            "mean share of the votes in %, by label; bits: mean entropy",
            ["label", *(column[:3] for column in FERPLUS_VOTES), "bits"],
            [
                [
                    short(name),
                    *(_number(share and 100 * share, 0) for share in one["shares"].values()),
                    _number(one["entropy"], 2),
                ]
                for name, one in raters
            ],
        )


def _lines(found: dict[str, Any]) -> Iterator[str]:
    """What stands in no table, a line for each number or two: most fit 80 columns."""
    near, faces, raters = found["near"], found["faces"], found["raters"]
    yield found["protocol"]
    yield from lines(found["leakage"])
    cropped = "" if near["cropped"] is None else f", {near['cropped']:,} in another crop"
    yield f"{near['pairs']:,} pairs of near duplicates, {near['mirrored']:,} mirrored{cropped}"
    alone, left = near["beyond_identical"], near["left"]
    yield f"{alone['images']:,} of {alone['of']:,} test images leak as near duplicates alone"
    yield f"{left['images']:,} of {left['of']:,} test images still do so after the split"
    if raters:
        pairs = "" if raters["pairs"] is None else f"two agree {100 * raters['pairs']:.1f} %, "
        yield f"raters: {raters['images']:,} images, {pairs}entropy {raters['entropy']:.2f} bits"
    else:
        yield "raters: this dataset has no votes"
    yield from _repeated(**found["repeated"])
    yield "faces: " + ", ".join(f"{n:,} {how}" for how, n in faces["outcomes"].items())
    if faces["lost"]:
        each = faces["lost"]["published"].items()
        shares = (f"{part} {n['images']:,} of {n['of']:,}" for part, n in each)
        yield f"no face found: {', '.join(shares)}"
    for reason, count in list(faces["rejected"].items())[:REASONS]:
        yield f"rejected: {count:,} {reason}"
    levels = (faces["all"][what] for what in ("brightness", "contrast"))
    bright, contrast = (f"{_number(n['mean'], 1)} +- {_number(n['std'], 1)}" for n in levels)
    yield f"grey levels: brightness {bright}, contrast {contrast}"
    yield (
        f"poor: {faces['constant']:,} of a single grey level, {faces['faint']:,} with little "
        f"contrast, {faces['tiny']:,} under {TINY} px"
    )


def _repeated(identical: dict[str, Any], near: dict[str, Any]) -> Iterator[str]:
    """How often raters gave the same picture the same label, and what follows."""
    for what, found in (("identical images", identical), ("near duplicates", near)):
        votes = found["votes"]
        if votes and votes["identical"] > COPIED:
            yield f"{what}: {found['groups']:,} groups, whose votes were copied, not given anew"
        elif found["groups"]:
            low, high = (100 * bound for bound in found["ci95"])
            share = f"{100 * found['same_label']:.1f} % [{low:.1f}, {high:.1f}]"
            differ = f", votes differ {100 * votes['distance']:.0f} %" if votes else ""
            yield f"{what}, {found['groups']:,} groups: agree {share}{differ}"
    if identical["groups"]:
        yield f"no model is expected above {100 * identical['ceiling']:.1f} %"
    same, alike = identical["same_label"], near["same_label"]
    if same is not None and alike is not None and alike < same - ALIKE:
        yield "near duplicates agree less than identical images: many may be other people;"
        yield "look at the sheet of pairs, and raise --threshold"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
