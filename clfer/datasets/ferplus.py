"""FERPlus: FER2013's pixels, which the user places, under FER+'s votes, which Microsoft publishes.

Everything is joined by FER2013's row. The number in an image's name is not its row, 173 rows have
no name, and four names stand on two rows.
"""

from pathlib import Path
from typing import Literal

import polars as pl

from clfer.datasets import expressions, fer2013, votes
from clfer.datasets import labels as columns
from clfer.datasets.ferplus_files import LAYOUT, TABLE
from clfer.datasets.ferplus_files import Source as Source
from clfer.datasets.ferplus_files import fetch as fetch
from clfer.datasets.votefiles import read_layout, read_votes
from clfer.errors import InputError
from clfer.pictures import Opened
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
# Images with a label in train, val and test of eight classes, counted on the published files.
COUNTS = {
    ("layout", "majority"): (25_045, 3_191, 3_137),
    ("layout", "probability"): (27_947, 3_508, 3_507),
    ("layout", "crossentropy"): (27_947, 3_508, 3_507),
    ("layout", "multi_target"): (27_667, 3_472, 3_466),
    ("layout", "argmax8"): (28_558, 3_579, 3_573),
    ("layout", "argmax10"): (28_385, 3_555, 3_545),
    ("table", "majority"): (25_060, 3_199, 3_153),
    ("table", "probability"): (27_956, 3_505, 3_505),
    ("table", "crossentropy"): (27_956, 3_505, 3_505),
    ("table", "multi_target"): (27_671, 3_472, 3_472),
    ("table", "argmax8"): (28_561, 3_579, 3_574),  # all rows with a name
    ("table", "argmax10"): (28_389, 3_553, 3_546),
}
SOURCES = {"layout": "Microsoft's label.csv per split", "table": "fer2013new.csv by row"}
MODES = {
    "majority": "majority",
    "probability": "Microsoft's probability rule",
    "crossentropy": "Microsoft's cross-entropy rule",
    "multi_target": "Microsoft's multi-target rule",
    "argmax8": "argmax over the 8 emotions, nothing dropped",
    "argmax10": "argmax over all 10 columns",
}


class Labels(Settings):
    """Whose votes count, those of SOURCES, and by which rule, one of MODES."""

    source: Literal["layout", "table"]
    mode: Literal["majority", "probability", "crossentropy", "multi_target", "argmax8", "argmax10"]
    classes: Literal[8, 7]  # 7: without contempt, whose images are dropped


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """All 35,887 rows as the table of `clfer.datasets.labels`; nothing to remark.

    `votes` are null where the source has none, `label` and `target` (see `votes.with_labels`) where
    the rule drops the row; FER+ has neither landmarks nor boxes. InputError unless as many images
    have a label as in the published files.
    """
    table = read_votes(raw / TABLE.path)
    if labels.source == "layout":
        table = _with_layout_votes(table, raw)
    rated = votes.with_labels(table, labels.mode, expressions.FERPLUS)
    _count(rated, raw, labels)
    classes = expressions.FERPLUS[: labels.classes]
    return columns.table(votes.with_labels(table, labels.mode, classes), classes), []


def pictures(raw: Path, base: Path) -> Opened:
    """The images by `row` of the table."""
    path = fer2013.find(raw)
    if path is None:
        raise InputError(f"{raw}: expected FER2013, found none; download again")
    faces = fer2013.faces(path)
    return lambda rows: faces[rows["row"].to_numpy()]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these labels has to be called by."""
    mode = MODES[labels.mode]
    return f"FERPlus, {SOURCES[labels.source]}, {mode}, {labels.classes} classes"


def _with_layout_votes(table: pl.DataFrame, raw: Path) -> pl.DataFrame:
    """The table with the layout's votes instead; a name on two rows goes to the first of them."""
    layout = pl.concat(
        read_layout(raw / file.path).with_columns(usage=pl.lit(usage))
        for usage, file in LAYOUT.items()
    )
    first = table.filter(pl.col("name").is_not_null() & pl.col("name").is_first_distinct())
    by_row = layout.join(first.select("row", "name", "usage"), on=["name", "usage"])
    return table.drop("votes").join(
        by_row.select("row", "votes"), on="row", how="left", maintain_order="left"
    )


def _count(table: pl.DataFrame, raw: Path, labels: Labels) -> None:
    expected = COUNTS[labels.source, labels.mode]
    for (usage, split), count in zip(SPLITS.items(), expected, strict=True):
        here = table.filter(pl.col("usage") == usage)["label"]
        if (found := here.count()) != count:
            file = LAYOUT[usage] if labels.source == "layout" else TABLE
            raise InputError(
                f"{raw / file.path}: expected {count:,} images with a label in {split} (source "
                f"{labels.source}, mode {labels.mode}), found {found:,}; fetch the file again"
            )
