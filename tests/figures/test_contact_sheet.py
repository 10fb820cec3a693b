"""Which images the contact sheet shows, against a sort of plain Python, and where they stand."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clfer.faces.packing import SCHEMA
from clfer.figures.contact_sheet import COLUMNS, ROWS, draw, worst

ROOM = COLUMNS * ROWS
OUTCOMES = ("centre", "box", "given", "whole", "detected", "rejected")


def records(fates):
    """The table of `pack` for images of which outcome and score are told."""
    rows = [
        (row, None if outcome == "rejected" else row, 60, 60, outcome, score, None, None)
        for row, (outcome, score) in enumerate(fates)
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row")


fate = st.sampled_from(OUTCOMES).flatmap(
    lambda outcome: st.tuples(
        st.just(outcome),
        st.integers(0, 8).map(lambda n: n / 8) if outcome == "detected" else st.none(),
    )
)


@settings(deadline=None)
@given(st.lists(fate, max_size=3 * ROOM))
def test_located_faces_come_first_and_a_quarter_is_for_the_others(fates):
    """Without this order the demo's sheet began with its images of noise."""
    faces = [(row, *one) for row, one in enumerate(fates) if one[0] != "rejected"]
    guessed = ("centre", "box")
    located = sorted((f for f in faces if f[1] not in guessed), key=lambda f: (f[2] or 0, f[0]))
    others = sorted((f for f in faces if f[1] in guessed), key=lambda f: (f[1] == "box", f[0]))
    others = others[: max(ROOM // 4, ROOM - len(located))]
    expected = [f[0] for f in located[: ROOM - len(others)] + others]
    shown = worst(records(fates).lazy())
    assert shown["row"].to_list() == expected
    assert shown.schema == SCHEMA


def test_each_row_stands_beside_its_own_picture(tmp_path):
    """Pictures of one grey level, faces of another: both are found where they belong."""
    shown = records([("centre", None), ("detected", 0.5)])
    pictures = [np.full((60, 60), level, np.uint8) for level in (40, 200)]
    faces = np.stack([np.full((48, 48, 1), level, np.uint8) for level in (90, 150)])
    draw(pictures, shown, faces, tmp_path / "sheet.png")
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    where = [int(np.argwhere(sheet[..., 0] == level)[:, 1].mean()) for level in (40, 90, 200, 150)]
    assert where == sorted(where)
    for level in (40, 90, 200, 150):
        assert (sheet[..., 0] == level).sum() >= 90 * 90


def test_no_face_makes_an_empty_sheet(tmp_path):
    shown = worst(records([("rejected", None)]).lazy())
    draw([], shown, np.zeros((1, 48, 48, 1), np.uint8), tmp_path / "sheet.png")
    assert (np.asarray(Image.open(tmp_path / "sheet.png")) == 255).all()
