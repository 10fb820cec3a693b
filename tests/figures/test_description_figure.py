"""The picture of a dataset."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from pictures import check_picture

from clfer.datasets.expressions import FERPLUS
from clfer.description.report import describe
from clfer.figures import description


def images(classes: tuple[str, ...], rated: bool) -> pl.DataFrame:
    """Forty rows of these classes, of which the last has no image."""
    rng = np.random.default_rng(0)
    label = [classes[i] for i in rng.integers(0, len(classes) - 1, 40)]
    part = ["train" if i % 3 else "test" for i in range(40)]
    votes = rng.multinomial(10, np.full(10, 0.1), 40).tolist() if rated else [None] * 40
    return pl.DataFrame(
        {
            "row": range(40),
            "label": pl.Series(label, dtype=pl.Enum(classes)),
            "votes": pl.Series(votes, dtype=pl.Array(pl.UInt8, 10)),
            "published": part,
            "split": part,
            "face": range(40),
            "outcome": ["whole"] * 40,
            "reason": pl.Series([None] * 40, dtype=pl.String),
        }
    )


def check(classes: tuple[str, ...], rated: bool, channels: int, path: Path, height: float) -> None:
    faces = np.random.default_rng(0).integers(0, 256, (40, 5, 5, channels), dtype=np.uint8)
    found, means = describe(images(classes, rated), faces)
    draw = partial(description.draw, found | {"evidence": not rated}, means, "one: its protocol")
    check_picture(draw, path, (10, height))


def test_picture_with_votes_in_grey(tmp_path: Path) -> None:
    check(FERPLUS, True, 1, tmp_path, 8.52)


def test_twelve_classes_with_long_names_in_colour_without_votes(tmp_path: Path) -> None:
    names = tuple(f"a rather long name of class {number}" for number in range(12))
    check(names, False, 3, tmp_path, 7.59)
