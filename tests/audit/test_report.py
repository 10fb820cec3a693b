"""The audit's document on a hand-made dataset, each number counted by a loop or by hand."""

import json

import numpy as np
import polars as pl
import pytest
from test_near import crowd

from clfer.audit.leakage import identical_between, leakage, near_between
from clfer.audit.report import examples, report
from clfer.datasets import labels
from clfer.datasets.splits import SPLITS, Split, split
from clfer.errors import InputError
from clfer.faces.packing import SCHEMA

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


@pytest.fixture(scope="module")
def dataset():
    names = sorted({picture.rstrip("-") for *_, picture in ROWS if picture})
    pictures = dict(zip(names, crowd(len(names)), strict=True))
    faces = np.zeros((len(ROWS), 48, 48, 1), np.uint8)
    for i, (*_, picture) in enumerate(ROWS):
        if picture:
            face = pictures[picture.rstrip("-")]
            faces[i] = face // 2 + 50 if picture.endswith("-") else face
    rows = pl.DataFrame(
        {
            "name": [str(i) for i in range(len(ROWS))],
            "usage": [published for published, *_ in ROWS],
            "label": [label for _, label, _ in ROWS],
            "votes": [[i % 11, 10 - i % 11] + [0] * 8 for i in range(len(ROWS))],
        },
        schema_overrides={"votes": labels.VOTES},
    )
    table = labels.table(rows, CLASSES)
    aligned = pl.DataFrame(
        [
            (i, i, 48, 48, "whole", None, None, None)
            if picture
            else (i, None, None, None, "rejected", None, None, "no file")
            for i, (*_, picture) in enumerate(ROWS)
        ],
        schema=SCHEMA,
        orient="row",
    )
    divided = split(
        table.select("row", "label", "target", published="usage").join(
            aligned.select("row", "face"), on="row", maintain_order="left"
        ),
        faces,
        CLASSES,
        Split(seed=0, val_fraction=0.1, duplicates="drop"),
    )
    return divided, table, aligned, faces


@pytest.fixture(scope="module")
def audited(dataset):
    return report(*dataset, threshold=0.9, crops=True)


def test_near_duplicates_of_different_pictures(audited):
    found, pairs, means = audited
    assert [(a, b) for a, b, *_ in pairs.iter_rows()] == [(0, 8), (1, 6)]
    assert (pairs["correlation"] == pairs["correlation"].round(4)).all()
    assert (found["near"]["pairs"], found["near"]["mirrored"]) == (2, 0)
    assert found["repeated"]["near"]["same_label"] == 1.0
    assert found["raters"]["images"] == len(ROWS) == found["rows"]
    assert means.shape == (3, 48, 48, 1)
    assert json.loads(json.dumps(found)) == found


def test_where_copies_are(audited):
    """Row a, column b: images published in a with another one in b."""
    found = audited[0]
    assert found["identical"]["between"] == {
        "train": {"train": 2, "val": 1, "test": 1},
        "val": {"train": 1, "val": 0, "test": 0},
        "test": {"train": 1, "val": 0, "test": 0},
    }
    assert found["near"]["between"] == {
        "train": {"train": 0, "val": 1, "test": 1},
        "val": {"train": 1, "val": 2, "test": 0},  # rows 5 and 6 are near each other
        "test": {"train": 1, "val": 0, "test": 2},  # row 8 is near row 7, and row 0
    }


def test_what_leaks_through_near_duplicates_alone(audited):
    near = audited[0]["near"]
    assert near["beyond_identical"] == {"images": 1, "of": 3, "classes": {"calm": 1, "glad": 0}}
    # row 0 has left train as a copy of a test image, so that nothing near row 8 is left
    assert near["left"] == {"images": 0, "of": 3}


def test_classes_are_counted_once_and_their_imbalance_follows(dataset, audited):
    found = audited[0]
    assert found["leakage"] == leakage(dataset[0])
    assert found["imbalance"] == {
        "train": {"published": 1.0, "used": 1.0},  # 3 calm and 3 glad; 2 and 2 without copies
        "val": {"published": 1.0, "used": 1.0},
        "test": {"published": 2.0, "used": 2.0},
    }


def test_identical_and_near_images_against_a_loop_over_pairs():
    random = np.random.default_rng(0)
    images = pl.DataFrame(
        {
            "row": range(60),
            "group": random.integers(0, 25, 60),
            "label": pl.Series(["calm"] * 60, dtype=pl.Enum(["calm"])),
            "published": random.choice(SPLITS, 60),
            "split": random.choice([*SPLITS, None], 60),
        },
        schema_overrides={"split": pl.String},
    )
    first = images.filter(pl.col("group").is_first_distinct())["row"].to_numpy()
    chosen = {tuple(sorted(random.choice(first, 2, replace=False).tolist())) for _ in range(25)}
    pairs = pl.DataFrame(sorted(chosen), {"a": pl.Int64, "b": pl.Int64}, orient="row")
    group = images["group"].to_list()
    links = {(group[a], group[b]) for pair in chosen for a, b in (pair, pair[::-1])}
    rows = list(images.iter_rows())

    def same(one, other):
        return one[0] != other[0] and one[1] == other[1]

    def near(one, other):
        return (one[1], other[1]) in links

    def between(alike):
        return {
            one: {
                other: sum(
                    any(alike(r, s) and s[3] == other for s in rows) for r in rows if r[3] == one
                )
                for other in SPLITS
            }
            for one in SPLITS
        }

    assert identical_between(images) == between(same)
    found = near_between(images, pairs)
    assert found["between"] == between(near)
    elsewhere = {
        alike: [any(alike(r, s) and s[3] != "test" for s in rows) for r in rows]
        for alike in (same, near)
    }
    alone = [
        r[3] == "test" and elsewhere[near][i] and not elsewhere[same][i] for i, r in enumerate(rows)
    ]
    test = sum(r[3] == "test" for r in rows)
    expected = {"images": sum(alone), "of": test, "classes": {"calm": sum(alone)}}
    assert found["beyond_identical"] == expected
    left = [
        any(near(r, s) and s[4] in ("train", "val") for s in rows) for r in rows if r[4] == "test"
    ]
    assert found["left"] == {"images": sum(left), "of": len(left)}


def test_pairs_to_look_at(dataset, audited):
    shown = examples(dataset[0], audited[1])
    assert list(shown.values()) == [[(2, 3)], [(0, 8)], []]


def test_tables_of_other_images_are_refused(dataset):
    divided, table, aligned, faces = dataset
    for other in (
        (divided, table, aligned.head(7), faces),
        (divided, table.reverse(), aligned, faces),
        (divided, table, aligned, faces[:3]),
    ):
        with pytest.raises(
            InputError, match=r"split: expected .* found 15 others; run `clfer split`"
        ):
            report(*other, threshold=0.9, crops=False)
