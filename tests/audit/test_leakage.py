import json

import numpy as np
import polars as pl
import pytest

from clfer.audit.leakage import leakage
from clfer.datasets import fer2013, ferplus
from clfer.datasets.expressions import FERPLUS
from clfer.datasets.ferplus import LAYOUT
from clfer.datasets.splits import Split, split
from clfer.datasets.votes import read_layout, read_votes, with_labels

CLASSES = ("calm", "glad")
# published, label, grey level of the face
ROWS = [
    ("train", "calm", 1),
    ("train", "glad", 2),
    ("train", "calm", 3),  # copy of a test image, with another label
    ("train", "glad", 4),  # copy of a val image
    ("train", "glad", 4),
    ("train", None, 9),  # no image: its copy in test does not count
    ("train", "calm", None),
    ("val", "calm", 5),
    ("val", "glad", 4),
    ("val", "glad", 6),
    ("val", "calm", 7),  # copy of a test image
    ("test", "glad", 3),
    ("test", "calm", 7),
    ("test", "calm", 9),
]


def table_of(rows):
    published, labels, levels = zip(*rows, strict=True)
    faces = np.array([level or 0 for level in levels], np.uint8).reshape(-1, 1, 1)
    table = pl.DataFrame({"row": range(len(rows)), "published": published, "label": labels})
    face = pl.Series([i if level else None for i, level in enumerate(levels)], dtype=pl.Int64)
    target = pl.lit(None, pl.Array(pl.Float32, 2))
    return table.with_columns(face=face, target=target), faces


def audited(table, faces, classes, duplicates):
    settings = Split(seed=0, val_fraction=0.1, duplicates=duplicates)
    return leakage(split(table, faces, classes, settings))


def counts(one, first, other, second, **classes):
    per_class = {name: {one: a, other: b} for name, (a, b) in classes.items()}
    return {one: first, other: second, "classes": per_class}


def test_leakage_of_a_table_counted_by_hand():
    expected = {
        "images": {
            "train": counts("published", 5, "used", 2, calm=(2, 1), glad=(3, 1)),
            "val": counts("published", 4, "used", 3, calm=(2, 1), glad=(2, 2)),
            "test": counts("published", 3, "used", 3, calm=(2, 2), glad=(1, 1)),
        },
        "test_copied_in_train_or_val": counts("images", 2, "of", 3, calm=(1, 2), glad=(1, 1)),
        "val_copied_in_train": counts("images", 1, "of", 4, calm=(0, 2), glad=(1, 2)),
        "groups": {"groups": 3, "images": 7, "conflicting_labels": 1},
        "unused": {
            "copy of a test image": 2,
            "copy of a val image": 2,
            "no label": 1,
            "no face": 1,
        },
    }
    assert audited(*table_of(ROWS), CLASSES, "drop") == expected
    json.dumps(expected)


def test_keeping_copies_changes_what_is_used_and_nothing_else():
    drop, keep = (audited(*table_of(ROWS), CLASSES, choice) for choice in ("drop", "keep"))
    assert keep["images"]["train"]["used"] == keep["images"]["train"]["published"]
    assert keep["unused"] == {"no label": 1, "no face": 1}
    for same in ("test_copied_in_train_or_val", "val_copied_in_train", "groups"):
        assert keep[same] == drop[same]


@pytest.fixture(scope="module")
def real(real_fer2013, real_npz):
    """The default labels of FERPlus, joined here by a loop of the test's own, and the faces."""
    table = read_votes(real_fer2013 / "fer2013new.csv")
    rows = {}
    for row, name, usage in table.select("row", "name", "usage").iter_rows():
        rows.setdefault((usage, name), row)
    votes = [None] * len(table)
    for usage, file in LAYOUT.items():
        layout = read_layout(real_fer2013 / file.places[0])
        for name, counted in layout.iter_rows():
            votes[rows[usage, name]] = counted
    table = table.with_columns(votes=pl.Series(votes, dtype=pl.Array(pl.UInt8, 10)))
    published = pl.col("usage").replace_strict(ferplus.SPLITS)
    table = with_labels(table, "majority", FERPLUS).with_columns(published=published, face="row")
    return table, fer2013.faces(real_npz)


def test_the_real_leakage(real):
    table, faces = real
    assert len(np.unique(faces.reshape(len(faces), -1), axis=0)) == 34_036
    found = audited(table, faces, FERPLUS, "drop")
    test, val = found["test_copied_in_train_or_val"], found["val_copied_in_train"]
    assert (test["images"], test["of"]) == (254, 3_137)
    assert test["classes"]["surprise"] == {"images": 110, "of": 394}
    assert (val["images"], val["of"]) == (231, 3_191)
    assert found["groups"]["conflicting_labels"] == 117
    used = {name: sizes["used"] for name, sizes in found["images"].items()}
    assert used == {"train": 24_496, "val": 3_155, "test": 3_137}
    assert json.loads(json.dumps(found)) == found


def test_the_real_test_images_without_a_copy(real):
    settings = Split(seed=0, val_fraction=0.1, duplicates="drop")
    ours = split(*real, FERPLUS, settings)
    assert ours.filter(split="test")["unique"].sum() == 2_883
