"""The audit's document on a hand-made dataset, each number counted by hand."""

import json

import numpy as np
import polars as pl
import pytest
from test_near import crowd

from clfer.audit.report import examples, report
from clfer.datasets import labels
from clfer.datasets.splits import Split, split
from clfer.errors import InputError
from clfer.faces.packing import SCHEMA
from clfer.report.rendering import sentences

CLASSES = ("calm", "glad")
# published, label, picture; a picture with a dash is a near duplicate of the one before the dash
ROWS = [
    ("train", "calm", "a"),
    ("train", "glad", "b"),
    ("train", "calm", "c"),
    ("train", "glad", "c"),  # identical, in the same split, with another label
    ("val", "calm", "d"),
    ("val", "glad", "b"),  # identical to one of train
    ("val", "glad", "b-"),  # nearly
    ("test", "calm", "a"),  # leaks
    ("test", "calm", "a-"),  # leaks as a near duplicate alone: with row 0, and with row 7
    ("test", "glad", "e"),
    ("test", "glad", None),  # no face
    ("test", None, "d"),  # no label
    ("train", "calm", "f"),
    ("train", "glad", "g"),
    ("val", "calm", "h"),
]
FACE = (48, 48, "whole", None, None, None)
NONE = (None, None, "rejected", None, None, "no file")


@pytest.fixture(scope="module")
def dataset():
    published, label, names = zip(*ROWS, strict=True)
    pictures = dict(zip("abcdefgh", crowd(8), strict=True))
    faces = np.stack([pictures[name[0]] if name else 0 * pictures["a"] for name in names])
    for i in (6, 8):
        faces[i] = faces[i] // 2 + 50
    numbers = range(len(ROWS))
    votes = pl.Series([[i % 11, 10 - i % 11] + [0] * 8 for i in numbers], dtype=labels.VOTES)
    rows = {"name": map(str, numbers), "usage": published, "label": label, "votes": votes}
    table = labels.table(pl.DataFrame(rows), CLASSES)
    records = [(i, i if name else None, *(FACE if name else NONE)) for i, name in enumerate(names)]
    aligned = pl.DataFrame(records, schema=SCHEMA, orient="row")
    images = table.select("row", "label", "target", published="usage").join(
        aligned.select("row", "face"), on="row", maintain_order="left"
    )
    settings = Split(seed=0, val_fraction=0.1, duplicates="drop")
    return split(images, faces, CLASSES, settings), table, aligned, faces


@pytest.fixture(scope="module")
def audited(dataset):
    return report(*dataset, threshold=0.9, crops=True)


def test_near_duplicates_of_different_pictures(dataset, audited):
    document, pairs, means = audited
    assert pairs.select("a", "b").rows() == [(0, 8), (1, 6)]
    assert (pairs["correlation"] == pairs["correlation"].round(4)).all()
    assert (document["near"]["pairs"], document["near"]["mirrored"]) == (2, 0)
    assert document["repeated"]["near"]["same_label"] == 1.0
    assert document["raters"]["images"] == len(ROWS) == document["rows"]
    assert means.shape == (3, 48, 48, 1)
    assert json.loads(json.dumps(document)) == document
    assert [*examples(dataset[0], pairs).values()] == [[(2, 3)], [(0, 8)], []]


def test_where_copies_are_and_what_leaks_through_near_duplicates_alone(audited):
    """Row a, column b: images published in a with another one in b."""
    near = audited[0]["near"]
    assert audited[0]["identical"]["between"]["val"] == {"train": 1, "val": 0, "test": 0}
    assert near["between"] == {
        "train": {"train": 0, "val": 1, "test": 1},
        "val": {"train": 1, "val": 2, "test": 0},  # rows 5 and 6 are near each other
        "test": {"train": 1, "val": 0, "test": 2},  # row 8 is near row 7, and row 0
    }
    assert near["beyond_identical"] == {"images": 1, "of": 3, "classes": {"calm": 1, "glad": 0}}
    # row 0 has left train as a copy of a test image, so that nothing near row 8 is left
    assert near["left"] == {"images": 0, "of": 3}


def counts(one, first, other, second, calm, glad):
    classes = {name: {one: a, other: b} for name, (a, b) in (("calm", calm), ("glad", glad))}
    return {one: first, other: second, "classes": classes}


def test_classes_and_copies_by_split_and_the_imbalance_that_follows(audited):
    assert audited[0]["leakage"] == {
        "images": {
            "train": counts("published", 6, "used", 4, (3, 2), (3, 2)),
            "val": counts("published", 4, "used", 4, (2, 2), (2, 2)),
            "test": counts("published", 3, "used", 3, (2, 2), (1, 1)),
        },
        "test_copied_in_train_or_val": counts("images", 1, "of", 3, (1, 2), (0, 1)),
        "val_copied_in_train": counts("images", 1, "of", 4, (0, 2), (1, 2)),
        "groups": {"groups": 3, "images": 6, "conflicting_labels": 1},
        "unused": {
            "copy of a test image": 1,
            "copy of a val image": 1,
            "no label": 1,
            "no face": 1,
        },
    }
    even = {"published": 1.0, "used": 1.0}
    uneven = {"published": 2.0, "used": 2.0}
    assert audited[0]["imbalance"] == {"train": even, "val": even, "test": uneven}


def test_lines_for_a_terminal(audited):
    limits = {"copied": 0.99, "tolerance": 0.1, "reasons": 1, "tiny": 32}
    agreed = {"groups": 1200, "same_label": 0.95, "ci95": [0.9, 0.99], "ceiling": 0.97}
    far = {"identical": 0.2, "distance": 0.123}
    document = audited[0] | {
        "raters": None,
        "near": audited[0]["near"] | {"cropped": None},
        "faces": audited[0]["faces"]
        | {
            "lost": {"published": {"test": {"images": 1, "of": 3}}},
            "rejected": {"a\nb": 2, "c": 1},
        },
        "repeated": {
            "identical": agreed | {"votes": far | {"identical": 1.0}},
            "near": agreed | {"same_label": 0.5, "votes": far},
        },
    }
    assert sentences("audit.txt.j2", audit=document, **limits)[:-2] == [
        "2 pairs of near duplicates, 0 mirrored",
        "1 of 3 test images leak as near duplicates alone",
        "0 of 3 test images still do so after the split",
        "raters: this dataset has no votes",
        "identical images: 1,200 groups, whose votes were copied, not given anew",
        "near duplicates, 1,200 groups: agree 50.0 % [90.0, 99.0], votes differ 12 %",
        "no model is expected above 97.0 %",
        "near duplicates agree less than identical images: many may be other people;",
        "look at the sheet of pairs, and raise --threshold",
        "faces: 14 whole, 1 rejected",
        "no face found: test 1 of 3",
        "rejected: 2 a\\nb",
    ]


def test_tables_of_other_images_are_refused(dataset):
    divided, table, aligned, faces = dataset
    for other in (
        (table, aligned.head(7), faces),
        (table.reverse(), aligned, faces),
        (table, aligned, faces[:3]),
    ):
        with pytest.raises(InputError, match=r"split: expected .* 15 others; run `clfer split`"):
            report(divided, *other, threshold=0.9, crops=False)
