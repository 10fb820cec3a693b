"""Rows of lists and their images, and landmarks."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_trees import has

from clfer.datasets.labels import attached, five, ordered, settled


def test_rows_of_one_image_become_one():
    rows = pl.DataFrame(
        {
            "usage": ["train"] * 6 + ["test"],
            "key": ["a", "b", "a", "c", "b", "b", "a"],
            "label": ["x", "x", "x", "y", "y", "x", "y"],
            "shown": ["A", "B", "A again", "C", "B again", "B", "A"],
        }
    )
    found, remarks = settled(rows)
    assert found["key"].to_list() == ["a", "b", "c", "a"]
    assert found["label"].to_list() == ["x", None, "y", "y"]
    assert has(remarks, "label rows that repeat another: 1 (first: A again)")
    assert has(remarks, "different labels, left without one: 1 (first: B)")


def test_images_and_rows_find_each_other():
    paths = [("a", "deep/er/A.png"), ("a", "A.png"), ("b", "b.png"), (None, "none")]
    rows = pl.DataFrame({"key": ["c", "a"], "shown": ["C", "A"]})
    found, remarks = attached(rows, paths)
    assert found["name"].to_list() == [None, "A.png"]
    assert has(remarks, "label rows without an image: 1 (first: C)")
    assert has(remarks, "images without a label row, left out: 1 (first: b.png)")
    assert has(remarks, "the name of another one, left out: 1 (first: deep/er/A.png)")
    assert not has(attached(rows, paths, besides={"b"})[1], "without a label row")


UPRIGHT = [(30.0, 40.0), (70.0, 42.0), (50.0, 60.0), (35.0, 80.0), (66.0, 81.0)]


@given(st.floats(-3.14, 3.14), st.booleans(), st.booleans())
def test_points_are_put_left_before_right_however_the_face_is_turned(angle, eyes, corners):
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    left, right, nose, *mouth = [tuple(map(float, turn @ point)) for point in UPRIGHT]
    expected = [*left, *right, *nose, *mouth[0], *mouth[1]]
    pair = [right, left] if eyes else [left, right]
    found = ordered(pair, nose, mouth[::-1] if corners else mouth)
    assert found == pytest.approx(expected)


def test_the_five_of_68_points():
    points = [(float(i), float(i % 7)) for i in range(68)]
    points[36:42] = [(x, 10.0) for x in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    points[42:48] = [(x, 12.0) for x in (21.0, 22.0, 23.0, 24.0, 25.0, 26.0)]
    points[30], points[48], points[54] = (13.0, 20.0), (5.0, 30.0), (20.0, 31.0)
    flat = [number for point in points for number in point]
    assert five(flat) == [3.5, 10.0, 23.5, 12.0, 13.0, 20.0, 5.0, 30.0, 20.0, 31.0]
