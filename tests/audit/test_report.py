"""The audit's document on a hand-made dataset, each number counted by a loop or by hand."""

import json

import numpy as np
import polars as pl
import pytest
from test_near import crowd

from clfer.audit import examples
from clfer.audit.agreement import agreement
from clfer.audit.quality import contrast, quality
from clfer.audit.report import between, report
from clfer.datasets import labels
from clfer.datasets.splits import SPLITS, Split, split
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
VOTES = {"a": [6, 4], "c": [5, 5]}


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
    found, pairs = audited
    assert [(a, b) for a, b, *_ in pairs.iter_rows()] == [(0, 8), (1, 6)]
    assert found["near"]["pairs"] == 2
    assert found["near"]["mirrored"] == 0
    assert found["near"]["same_label"] == 1.0
    assert json.loads(json.dumps(found)) == found


def test_where_copies_are(audited):
    """Row a, column b: images published in a with another one in b."""
    found, _ = audited
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
    assert near["beyond_identical"] == {
        "images": 1,
        "of": 3,
        "classes": {"calm": 1, "glad": 0},
    }
    # row 0 has left train as a copy of a test image, so that nothing near row 8 is left
    assert near["left"] == {"images": 0, "of": 3}


def test_the_class_balance_of_what_is_used(audited):
    found, _ = audited
    used = audited[0]["leakage"]["images"]
    for name in SPLITS:
        counts = [each["used"] for each in used[name]["classes"].values()]
        assert found["balance"][name] == max(counts) / min(counts)


def test_rejected_images_are_counted_by_reason(audited):
    assert audited[0]["quality"]["rejected"] == {"no file": 1}
    assert audited[0]["quality"]["lost"] is None


def test_between_against_a_loop_over_pairs():
    random = np.random.default_rng(0)
    images = pl.DataFrame(
        {
            "row": range(60),
            "group": random.integers(0, 25, 60),
            "published": random.choice(SPLITS, 60),
        }
    )
    links = {tuple(sorted(pair)) for pair in random.integers(0, 25, (30, 2)) if pair[0] != pair[1]}
    both = [*links, *((b, a) for a, b in links)]
    edges = pl.DataFrame(both, {"group": pl.Int64, "other": pl.Int64}, orient="row")
    rows = list(images.iter_rows())
    for chosen, alike in (
        (edges, lambda a, b: (a, b) in set(both)),
        (images.select("group", other="group"), lambda a, b: a == b),
    ):
        expected = {
            one: {
                other: sum(
                    any(r != s and alike(g, h) and q == other for s, h, q in rows)
                    for r, g, p in rows
                    if p == one
                )
                for other in SPLITS
            }
            for one in SPLITS
        }
        assert between(images, chosen)["between"] == expected


def rated(*images):
    return pl.DataFrame(
        [(group, label, votes and votes + [0] * 8) for group, label, votes in images],
        {"group": pl.Int64, "label": pl.String, "votes": labels.VOTES},
        orient="row",
    )


def test_how_far_raters_agree_with_themselves_by_hand():
    images = rated(
        (1, "calm", [10, 0]),
        (1, "calm", [6, 4]),  # same label; variation 0.4
        (2, "calm", [5, 5]),
        (2, "glad", [4, 6]),  # another; 0.1
        (3, "glad", [0, 10]),  # alone
        (4, "calm", [8, 2]),
        (4, "calm", [8, 2]),
        (4, "glad", [2, 8]),  # one pair of three; variations 0, 0.6, 0.6
    )
    found = agreement(images, "group")
    assert found["groups"] == 3
    assert found["same_label"] == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert found["votes"] == {
        "identical": 0.0,
        "distance": pytest.approx((0.4 + 0.1 + 0.4) / 3),
    }
    assert found["ceiling"] == pytest.approx((4 / 9) ** 0.5)
    low, high = found["ci95"]
    assert 0 < low < found["same_label"] < high < 1


def test_the_best_guess_stays_below_the_ceiling_and_above_another_panel():
    """Panels drawn from known chances, and a model that knows these chances."""
    random = np.random.default_rng(0)
    chances = random.dirichlet([2.0, 0.6, 0.3], 4000)
    panels = [[random.choice(3, p=p) for _ in range(2)] for p in chances]
    images = pl.DataFrame(
        [(i, str(label), None) for i, pair in enumerate(panels) for label in pair],
        {"group": pl.Int64, "label": pl.String, "votes": labels.VOTES},
        orient="row",
    )
    found = agreement(images, "group")
    best = np.mean([pair[0] == p.argmax() for p, pair in zip(chances, panels, strict=True)])
    assert found["same_label"] == pytest.approx((chances**2).sum(axis=1).mean(), abs=0.02)
    assert found["same_label"] + 0.03 < best < found["ceiling"]


def test_agreement_without_votes_or_without_copies():
    found = agreement(rated((1, "calm", None), (1, "glad", None)), "group")
    assert found["same_label"] == 0.0
    assert found["votes"] is None
    assert agreement(rated((1, "calm", None), (2, "glad", None)), "group")["groups"] == 0


def test_poor_images_counted_by_hand():
    random = np.random.default_rng(0)
    faces = np.stack(
        [
            np.full((8, 8, 1), 50, np.uint8),
            random.integers(90, 95, (8, 8, 1), dtype=np.uint8),
            random.integers(0, 256, (8, 8, 1), dtype=np.uint8),
        ]
    )
    images = pl.DataFrame(
        {
            "published": ["train", "test", "test"],
            "label": ["calm", "calm", "glad"],
            "outcome": ["centre", "detected", "box"],
            "height": [48, 20, 300],
            "width": [48, 400, 31],
        }
    )
    found = quality(images, pl.DataFrame({"reason": ["empty file"] * 2}), contrast(faces))
    assert (found["constant"], found["faint"], found["tiny"]) == (1, 1, 2)
    assert found["outcomes"] == {"centre": 1, "detected": 1, "box": 1}
    assert found["lost"] == {
        "published": {"train": {"images": 1, "of": 1}, "test": {"images": 1, "of": 2}},
        "label": {"calm": {"images": 1, "of": 2}, "glad": {"images": 1, "of": 1}},
    }
    assert found["rejected"] == {"empty file": 2}


def test_pairs_to_look_at(dataset, audited):
    divided = dataset[0]
    assert examples.conflicting(divided).rows() == [(2, 3)]
    assert examples.leaking(divided, audited[1]).rows() == [(0, 8)]
    assert examples.mirrored(audited[1]).is_empty()
