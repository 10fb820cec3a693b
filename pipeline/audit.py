"""Tool audit: what leaks, what is double, what is broken in a dataset."""

import json
from typing import Annotated, Any

import numpy as np
import polars as pl
import typer
from jaxtyping import UInt8

from clfer.audit import examples
from clfer.audit.leakage import describe
from clfer.audit.report import report
from clfer.datasets.splits import SPLITS
from clfer.errors import InputError
from clfer.figures import pairs as sheet
from clfer.files import replacing
from pipeline import paths, stored
from pipeline.console import say, table
from pipeline.params import dataset

ALIKE = 0.1  # by which near duplicates may agree less in their labels than identical images do


def audit(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    threshold: Annotated[float, typer.Option(help="Least correlation of near duplicates.")] = 0.9,
    crops: Annotated[bool, typer.Option(help="Look for other crops, too: 12 times longer.")] = True,
) -> None:
    """Report copies, near duplicates, raters' agreement, balance and poor images of a dataset."""
    dataset(name)
    if not 0.5 <= threshold <= 1:
        raise InputError(f"--threshold: expected 0.5 to 1, found {threshold}")
    split = stored.table(paths.split(name), f"split {name}")
    faces = stored.array(paths.faces(name), f"align {name}")
    labels = stored.table(paths.labels(name), f"relabel {name}")
    aligned = stored.table(paths.faces(name).with_suffix(".parquet"), f"align {name}")
    found, near = report(split, labels, aligned, faces, threshold, crops)
    out = paths.audit(name)
    with replacing(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
    with replacing(out) as temporary:
        shown = {
            "identical, with different labels": examples.conflicting(split),
            "nearly the same, in test and elsewhere": examples.leaking(split, near),
            "nearly the same when mirrored": examples.mirrored(near),
        }
        sheet.draw({k: _pairs(pairs, split, faces) for k, pairs in shown.items()}, temporary)
    for title, part in (
        ("identical image", "identical"),
        ("near duplicate", "near"),
    ):
        table(
            f"{title} in",
            ["images of", *SPLITS],
            [
                [row, *(f"{count:,}" for count in counts.values())]
                for row, counts in found[part]["between"].items()
            ],
        )
    beyond, copied = found["near"]["beyond_identical"], found["leakage"]
    copied = copied["test_copied_in_train_or_val"]
    table(
        "test images that stand in train or val",
        ["", "test images", "identical", "near alone"],
        [
            [label, *(f"{n:,}" for n in (copied["classes"][label]["of"], same, alike))]
            for label, alike in beyond["classes"].items()
            for same in (copied["classes"][label]["images"],)
        ],
    )
    say([*describe(found["leakage"]), *_told(found)], f"audit {name}: {out}")


def _told(found: dict[str, Any]) -> list[str]:
    """The rest of the report, in lines."""
    near, raters, quality = found["near"], found["raters"], found["quality"]
    beyond, left = near["beyond_identical"], near["left"]
    lines = [
        f"near duplicates (correlation {near['threshold']} or more): {near['pairs']:,} pairs of "
        f"different pictures, {near['mirrored']:,} of them mirrored"
        + (f", {near['cropped']:,} in another crop" if near["cropped"] is not None else ""),
        f"{beyond['images']:,} of {beyond['of']:,} test images stand in train or val as near "
        f"duplicates alone; {left['images']:,} of {left['of']:,} after the split",
        *_agreement(raters["identical"], "identical images"),
        *_agreement(raters["near"], "near duplicates"),
        *_doubt(raters),
        "largest class / smallest: "
        + ", ".join(f"{k} {v:.1f}" for k, v in found["balance"].items() if v is not None),
        f"{quality['constant']:,} images of a single grey level, {quality['faint']:,} with little "
        f"contrast, {quality['tiny']:,} from a picture under 32 px",
        "faces: " + ", ".join(f"{count:,} {how}" for how, count in quality["outcomes"].items()),
    ]
    if quality["lost"]:
        shares = quality["lost"]["published"].items()
        lines.append(
            "no face found: "
            + ", ".join(f"{part} {each['images']:,} of {each['of']:,}" for part, each in shares)
        )
    reasons = [f"{count:,} {reason}" for reason, count in quality["rejected"].items()]
    return [*lines, f"rejected: {', '.join(reasons)}"] if reasons else lines


def _agreement(found: dict[str, Any], of: str) -> list[str]:
    """How often raters gave the same picture the same label."""
    if not found["groups"]:
        return []
    votes = found["votes"]
    if votes and votes["identical"] > 0.99:
        return [f"{of}: {found['groups']:,} groups, whose votes were copied and not given anew"]
    low, high = (100 * bound for bound in found["ci95"])
    rated = f", votes differ by {100 * votes['distance']:.1f} %" if votes else ""
    return [
        f"{of}: same label in {100 * found['same_label']:.1f} % of the pairs "
        f"[{low:.1f}, {high:.1f}], {found['groups']:,} groups{rated}"
    ]


def _doubt(raters: dict[str, Any]) -> list[str]:
    """What the two agreements say of the model and of the pairs."""
    same, near = (raters[which]["same_label"] for which in ("identical", "near"))
    lines = []
    if same is not None:
        lines.append(f"no model is expected above {100 * raters['identical']['ceiling']:.1f} %")
    if same is not None and near is not None and near < same - ALIKE:
        lines.append(
            "near duplicates agree less than identical images: look at the sheet, many may "
            "be different people; --threshold finds fewer"
        )
    return lines


def _pairs(
    pairs: pl.DataFrame, split: pl.DataFrame, faces: UInt8[np.ndarray, "N S S C"]
) -> list[sheet.Pair]:
    """Rows as faces with what is known of them."""
    columns = ("row", "face", "published", pl.col("label").cast(pl.String))
    known = {row: rest for row, *rest in split.select(columns).iter_rows()}
    shown = []
    for a, b in pairs.iter_rows():
        (left, here, one), (right, there, other) = known[a], known[b]
        captions = (f"{a} {here}: {one}", f"{b} {there}: {other}")
        shown.append(sheet.Pair((faces[left], faces[right]), captions))
    return shown
