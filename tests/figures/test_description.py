"""The picture of a dataset."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from pictures import check_picture

from clfer.audit.report import report
from clfer.datasets import labels
from clfer.datasets.expressions import FERPLUS
from clfer.faces.packing import SCHEMA
from clfer.figures import description


def check(classes: tuple[str, ...], rated: bool, channels: int, path: Path, height: float) -> None:
    """Forty images, of which the last class has none, in train and test."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (40, 16, 16, channels), dtype=np.uint8)
    votes = rng.multinomial(10, np.full(10, 0.1), 40).tolist() if rated else [None] * 40
    rows = pl.DataFrame(
        {
            "name": [None] * 40,
            "usage": ["train" if i % 3 else "test" for i in range(40)],
            "label": [classes[i] for i in rng.integers(0, len(classes) - 1, 40)],
            "votes": pl.Series(votes, dtype=labels.VOTES),
        }
    )
    table = labels.table(rows, classes)
    aligned = pl.DataFrame(
        [(i, i, 16, 16, "whole", None, None, None) for i in range(40)], SCHEMA, orient="row"
    )
    split = table.select("row", "label", published="usage", split="usage").with_columns(
        face="row", group="row", unique=True, reason=pl.lit(None, pl.String)
    )
    found, _, means = report(split, table, aligned, faces, threshold=0.9, crops=False)
    draw = partial(description.draw, found | {"evidence": not rated}, means, "one: its protocol")
    check_picture(draw, path, (10, height))


def test_picture_with_votes_in_grey(tmp_path: Path) -> None:
    check(FERPLUS, True, 1, tmp_path, 8.52)


def test_twelve_classes_with_long_names_in_colour_without_votes(tmp_path: Path) -> None:
    names = tuple(f"a rather long name of class {number}" for number in range(12))
    check(names, False, 3, tmp_path, 7.59)
