"""The picture of a dataset, and its sheets: which images they show, and where."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import check_picture
from PIL import Image

from clfer.audit.report import report
from clfer.datasets import labels
from clfer.datasets.expressions import FERPLUS
from clfer.faces.packing import SCHEMA
from clfer.figures.dataset import (
    COLUMNS,
    GAP,
    HEADING,
    LABEL,
    ROWS,
    SIDE,
    draw_contact_sheet,
    draw_overview,
    draw_pairs,
    square,
    worst,
)

ROOM = COLUMNS * ROWS
OUTCOMES = ("centre", "box", "given", "whole", "detected", "rejected")
LONG = tuple(f"a rather long name of class {number}" for number in range(12))


def records(fates):
    """The table of `pack` for images of which outcome and score are told."""
    rows = [
        (row, None if outcome == "rejected" else row, 60, 60, outcome, score, None, None)
        for row, (outcome, score) in enumerate(fates)
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")


@pytest.mark.parametrize(("classes", "rated", "channels"), [(FERPLUS, True, 1), (LONG, False, 3)])
def test_picture_with_votes_in_grey_and_without_in_colour(tmp_path, classes, rated, channels):
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
    split = table.select("row", "label", published="usage", split="usage").with_columns(
        face="row", group="row", unique=True, reason=pl.lit(None, pl.String)
    )
    aligned = records([("whole", None)] * 40)
    found, _, means = report(split, table, aligned, faces, threshold=0.9, crops=False)
    found["evidence"] = not rated
    check_picture(tmp_path, 10, draw_overview, found, means, "one: its protocol")


fate = st.sampled_from(OUTCOMES).flatmap(
    lambda outcome: st.tuples(
        st.just(outcome),
        st.integers(0, 8).map(lambda n: n / 8) if outcome == "detected" else st.none(),
    )
)


@given(st.lists(fate, max_size=3 * ROOM))
def test_located_faces_come_first_and_a_quarter_is_for_the_others(fates):
    """Without this order the demo's sheet began with its images of noise."""
    faces = [(row, *one) for row, one in enumerate(fates) if one[0] != "rejected"]
    guessed = ("centre", "box")
    located = sorted(
        (f for f in faces if f[1] not in guessed),
        key=lambda f: (-1 if f[2] is None else f[2], f[0]),
    )
    others = sorted((f for f in faces if f[1] in guessed), key=lambda f: (f[1] == "box", f[0]))
    others = others[: max(ROOM // 4, ROOM - len(located))]
    shown = worst(records(fates).lazy())
    assert shown["row"].to_list() == [f[0] for f in located[: ROOM - len(others)] + others]
    assert shown.schema == SCHEMA


def sheet(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_each_row_stands_beside_its_own_picture(tmp_path):
    """Pictures of one grey level, faces of another: both are found where they belong."""
    shown = records([("centre", None), ("detected", 0.5)])
    pictures = [np.full((60, 60), level, np.uint8) for level in (40, 200)]
    faces = np.stack([np.full((48, 48, 1), level, np.uint8) for level in (90, 150)])
    draw_contact_sheet(pictures, shown, faces, tmp_path / "sheet.png")
    grey = sheet(tmp_path / "sheet.png")[..., 0]
    where = [int(np.argwhere(grey == level)[:, 1].mean()) for level in (40, 90, 200, 150)]
    assert where == sorted(where)
    assert all((grey == level).sum() >= 90 * 90 for level in (40, 90, 200, 150))
    none = worst(records([("rejected", None)]).lazy())
    draw_contact_sheet([], none, faces, tmp_path / "empty.png")
    assert (sheet(tmp_path / "empty.png") == 255).all()


def grey(level, channels=1):
    return square(np.full((48, 48, channels), level, np.uint8))


def test_faces_stand_in_rows_under_their_headings(tmp_path):
    first = [(grey(10 * i), grey(10 * i + 5, 3), "a\nb") for i in range(COLUMNS + 1)]
    two = [(grey(200), grey(210), "a\nb")]
    draw_pairs({"one": first, "none": [], "two": two}, tmp_path / "p.png")
    pixels = sheet(tmp_path / "p.png")
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    y = GAP + HEADING + LABEL + SIDE // 2
    for i in range(COLUMNS):
        x = GAP + i * width + SIDE // 2
        assert (pixels[y, x] == 10 * i).all()
        assert (pixels[y, x + SIDE] == 10 * i + 5).all()
    assert (pixels[y + height, GAP + SIDE // 2] == 10 * COLUMNS).all()
    assert (pixels[y + 2 * height + HEADING, GAP + SIDE // 2] == 200).all()
    draw_pairs({"one": []}, tmp_path / "none.png")
    assert sheet(tmp_path / "none.png").min() < 100  # it says so
