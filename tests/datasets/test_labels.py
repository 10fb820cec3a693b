"""Rows of lists and their images, and landmarks."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets.labels import matched, ordered


def test_rows_and_images_find_each_other_and_rows_of_one_image_become_one():
    rows = pl.DataFrame(
        {
            "usage": ["train"] * 6 + ["test"],
            "key": ["a", "b", "a", "c", "b", "b", "a"],
            "label": ["x", "x", "x", "y", "y", "x", "y"],
            "shown": ["A", "B", "A again", "C", "B again", "B", "A"],
        }
    )
    files = [("a", "deep/er/A.png"), ("a", "z.png"), ("b", "b.png"), (None, "none"), ("d", "d.png")]
    found, remarks = matched(rows, files)
    assert found["key"].to_list() == ["a", "b", "c", "a"]
    assert found["label"].to_list() == ["x", None, "y", "y"]
    assert found["name"].to_list() == ["z.png", "b.png", None, "z.png"]
    assert remarks == [
        "label rows that repeat another: 1 (first: A again)",
        "images with rows of different labels, left without one: 1 (first: B)",
        "label rows without an image: 1 (first: C)",
        "images without a label row, left out: 1 (first: d.png)",
        "images with the name of another one, left out: 1 (first: deep/er/A.png)",
    ]
    assert not any("without a label row" in line for line in matched(rows, files, {"d"})[1])


UPRIGHT = [(30.0, 40.0), (70.0, 42.0), (50.0, 60.0), (35.0, 80.0), (66.0, 81.0)]


@given(st.floats(-3.14, 3.14), st.booleans(), st.booleans())
def test_points_are_put_left_before_right_however_the_face_is_turned(angle, eyes, corners):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.array(UPRIGHT) @ turn.T
    order = [eyes, not eyes, 2, 3 + corners, 4 - corners]
    assert ordered(points[order]) == pytest.approx(points.ravel().tolist())
