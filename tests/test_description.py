"""What is said of a dataset, against loops over a small table."""

import json
from math import log2

import numpy as np
import polars as pl
import pytest

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import table
from clfer.description.faces import appearance
from clfer.description.report import describe
from clfer.description.rows import rows
from clfer.errors import InputError

CLASSES = ("neutral", "happiness", "contempt")
USAGES = {"Training": "train", "PrivateTest": "test"}
# usage, label, votes for neutral, happiness, unknown; whether it has a face, whether it is used
ROWS = [
    ("Training", "neutral", (8, 1, 1), True, True),
    ("Training", "neutral", (6, 4, 0), True, True),
    ("Training", "neutral", (10, 0, 0), True, False),  # a copy
    ("Training", "happiness", (0, 9, 0), True, True),
    ("Training", "happiness", (1, 8, 1), False, False),
    ("Training", None, (4, 4, 2), True, False),
    ("PrivateTest", "happiness", None, True, True),
    ("PrivateTest", "neutral", (0, 0, 0), True, True),
]
RNG = np.random.default_rng(0)
FACES = RNG.integers(0, 256, (len(ROWS), 3, 3, 3), dtype=np.uint8)


def ten(votes):
    places = [FERPLUS_VOTES.index(name) for name in ("neutral", "happiness", "unknown")]
    return votes and [votes[places.index(i)] if i in places else 0 for i in range(10)]


def tables():
    usage, label, votes, face, used = zip(*ROWS, strict=True)
    labels = pl.DataFrame(
        {
            "name": [None] * len(ROWS),
            "usage": usage,
            "label": label,
            "votes": pl.Series([ten(one) for one in votes], dtype=pl.Array(pl.UInt8, 10)),
        }
    )
    faces = pl.DataFrame(
        {
            "row": range(len(ROWS)),
            "face": [i if there else None for i, there in enumerate(face)],
            "outcome": ["given" if there else "rejected" for there in face],
            "reason": [None if there else "empty file" for there in face],
        }
    )
    labels = table(labels, CLASSES)
    split = [USAGES[one] if there else None for one, there in zip(usage, used, strict=True)]
    divided = labels.select("row", "label").with_columns(
        face=faces["face"], split=pl.Series(split, dtype=pl.String)
    )
    return labels, faces, divided


@pytest.fixture
def images():
    labels, faces, divided = tables()
    return rows(labels, faces, USAGES, divided)


def test_the_classes_of_each_split(images):
    found, _ = describe(images, FACES)
    assert list(found["splits"]) == ["train", "test"]
    for part, both in found["splits"].items():
        for kind in ("published", "used"):
            labels = [
                label
                for usage, label, _, _, used in ROWS
                if USAGES[usage] == part and label and (used or kind == "published")
            ]
            assert both[kind]["images"] == len(labels)
            for name in CLASSES:
                count = labels.count(name)
                assert both[kind]["classes"][name] == {
                    "images": count,
                    "share": count / len(labels),
                }
            assert both[kind]["imbalance"] is None  # there is no contempt
    assert found["rows"] == len(ROWS)
    assert json.loads(json.dumps(found)) == found


def test_imbalance_where_every_class_has_an_image():
    labels, faces, divided = tables()
    two = pl.Enum(CLASSES[:2])
    labels, divided = (one.with_columns(pl.col("label").cast(two)) for one in (labels, divided))
    found, _ = describe(rows(labels, faces, USAGES, divided), FACES)
    assert found["splits"]["train"]["published"]["imbalance"] == 3 / 2
    assert found["splits"]["train"]["used"]["imbalance"] == 2
    assert found["splits"]["test"]["used"]["imbalance"] == 1


def test_the_agreement_of_raters(images):
    found = describe(images, FACES)[0]["raters"]
    rated = [(label, votes) for _, label, votes, _, _ in ROWS if votes and sum(votes)]
    shares = [[vote / sum(votes) for vote in votes] for _, votes in rated]
    bits = [-sum(share * log2(share) for share in one if share) for one in shares]
    same = []
    for _, votes in rated:
        raters = [column for column, vote in enumerate(votes) for _ in range(vote)]
        n = len(raters)
        alike = [raters[i] == raters[j] for i in range(n) for j in range(n) if i != j]
        same.append(sum(alike) / len(alike))
    assert (found["images"], found["labelled"]) == (6, 5)
    assert found["entropy"] == pytest.approx(np.mean(bits))
    assert found["pairs"] == pytest.approx(np.mean(same))
    tops = [max(votes) for _, votes in rated]
    kept = [max(votes) for label, votes in rated if label]
    assert found["top_vote"] == [
        {
            "votes": size,
            "images": tops.count(size),
            "share": tops.count(size) / 6,
            "labelled": kept.count(size),
        }
        for size in range(1, 11)
    ]
    for column, name in enumerate(("neutral", "happiness")):
        one = found["classes"][name]
        mine = [i for i, (label, _) in enumerate(rated) if label == name]
        assert one["images"] == len(mine)
        assert one["entropy"] == pytest.approx(np.mean([bits[i] for i in mine]))
        means = [sum(shares[i][k] for i in mine) / len(mine) for k in range(3)]
        assert one["label_share"] == pytest.approx(means[column])
        places = [0, 1, FERPLUS_VOTES.index("unknown")]
        assert [one["shares"][k] for k in places] == pytest.approx(means)
        assert sum(one["shares"]) == pytest.approx(1)
    nothing = {"images": 0, "label_share": None, "entropy": None, "shares": None}
    assert found["classes"]["contempt"] == nothing


def test_no_votes(images):
    without = images.with_columns(votes=pl.lit(None, images.schema["votes"]))
    assert describe(without, FACES)[0]["raters"] is None


@pytest.mark.parametrize("channels", [1, 3])
def test_the_faces(images, channels):
    stored = FACES[..., :channels]
    found, means = appearance(images, stored)
    assert found["outcomes"] == {"given": 7, "rejected": 1}
    assert found["rejected"] == {"empty file": 1}
    assert found["size"] == [3, 3, channels]
    weights = (0.299, 0.587, 0.114) if channels == 3 else (1,)
    for place, name in enumerate(("all", *CLASSES)):
        mine = [
            i
            for i, row in enumerate(ROWS)
            if row[3] and row[1] in (CLASSES if name == "all" else (name,))
        ]
        one = found["all"] if name == "all" else found["classes"][name]
        assert one["images"] == len(mine)
        if not mine:
            assert one["brightness"] == one["contrast"] == {"mean": None, "std": None}
            assert not means[place].any()
            continue
        grey = [
            [
                sum(w * int(v) for w, v in zip(weights, p, strict=True))
                for p in stored[i].reshape(9, -1)
            ]
            for i in mine
        ]
        for what, of in (("brightness", np.mean), ("contrast", np.std)):
            values = [of(levels) for levels in grey]
            assert one[what]["mean"] == pytest.approx(np.mean(values))
            assert one[what]["std"] == pytest.approx(np.std(values))
        np.testing.assert_array_equal(means[place], np.rint(stored[mine].mean(axis=0)))


def test_blocks_give_the_same_as_the_whole(images):
    whole, face = appearance(images, FACES, block=100)
    for block in (1, 2, 3):
        found, means = appearance(images, FACES, block=block)
        assert found == whole
        np.testing.assert_array_equal(means, face)


def test_without_a_table_of_splits_all_images_are_used_as_published():
    labels, faces, _ = tables()
    found = rows(labels, faces, USAGES, None)
    expected = [USAGES[row[0]] if row[1] and row[3] else None for row in ROWS]
    assert found["split"].to_list() == expected


def test_tables_of_other_images_are_refused():
    labels, faces, divided = tables()
    with pytest.raises(InputError, match=r"faces: expected the 8 images .* found 7 .*clfer align"):
        rows(labels, faces.head(7), USAGES, divided)
    other = divided.with_columns(label=pl.lit("neutral").cast(pl.Enum(CLASSES)))
    with pytest.raises(InputError, match=r"split: expected .* run `clfer split` again"):
        rows(labels, faces, USAGES, other)
