"""Rows of lists and the images that they are about."""

import polars as pl
from image_trees import has

from clfer.datasets.listing import key
from clfer.datasets.rows import attached, keyed, settled


def test_rows_of_one_image_become_one(tmp_path):
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
    files, again = keyed(
        ["deep/er/A.png", "A.png", "b.png", "none"], lambda p: key(p[-5:-4]) or None
    )
    assert files == {"a": "A.png", "b": "b.png"}
    assert has(again, "the name of another one, left out: 1 (first: deep/er/A.png)")
    rows = pl.DataFrame({"key": ["c", "a"], "shown": ["C", "A"]})
    found, remarks = attached(rows, files)
    assert found["name"].to_list() == [None, "A.png"]
    assert has(remarks, "label rows without an image: 1 (first: C)")
    assert has(remarks, "images without a label row, left out: 1 (first: b.png)")
    assert not has(attached(rows, files, besides={"b"})[1], "without a label row")
