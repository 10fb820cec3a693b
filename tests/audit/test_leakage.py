"""Copies across splits, counted by a loop over pairs, and on the real FERPlus; by hand in
test_report.
"""

import numpy as np
import polars as pl

from clfer.audit.leakage import identical_between, leakage, near_between
from clfer.datasets import fer2013, ferplus
from clfer.datasets.expressions import FERPLUS
from clfer.datasets.ferplus import LAYOUT
from clfer.datasets.splits import SPLITS, Split, split
from clfer.datasets.votes import read_layout, read_votes, with_labels


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
    group = images["group"].to_list()
    links = {(group[a], group[b]) for pair in chosen for a, b in (pair, pair[::-1])}
    rows = list(images.select("row", "group", "published", "split").iter_rows())

    def same(one, other):
        return one[0] != other[0] and one[1] == other[1]

    def near(one, other):
        return (one[1], other[1]) in links

    def between(alike):
        there = [{other[2] for other in rows if alike(one, other)} for one in rows]
        sums = {one: dict.fromkeys(SPLITS, 0) for one in SPLITS}
        for one, places in zip(rows, there, strict=True):
            for place in places:
                sums[one[2]][place] += 1
        return there, sums

    (copies, identical), (nearly, expected) = between(same), between(near)
    result = near_between(images, pl.DataFrame(sorted(chosen), ["a", "b"], orient="row"))
    assert identical_between(images) == identical
    assert result["between"] == expected
    test = [i for i, r in enumerate(rows) if r[2] == "test"]
    alone = sum(bool(nearly[i] - {"test"}) and not copies[i] - {"test"} for i in test)
    assert alone > 0
    beyond = {"images": alone, "of": len(test), "classes": {"calm": alone}}
    assert result["beyond_identical"] == beyond
    used = [r for r in rows if r[3] == "test"]
    left = sum(any(near(r, s) and s[3] in ("train", "val") for s in rows) for r in used)
    assert result["left"] == {"images": left, "of": len(used)}


def test_the_real_leakage(real_fer2013, real_npz):
    """The default labels of FERPlus, joined here by a loop of the test's own."""
    table = read_votes(real_fer2013 / "fer2013new.csv")
    rows = {}
    for row, name, usage in table.select("row", "name", "usage").iter_rows():
        rows.setdefault((usage, name), row)
    votes = [None] * len(table)
    for usage, file in LAYOUT.items():
        for name, counted in read_layout(real_fer2013 / file.places[0]).iter_rows():
            votes[rows[usage, name]] = counted
    table = table.with_columns(votes=pl.Series(votes, dtype=pl.Array(pl.UInt8, 10)))
    published = pl.col("usage").replace_strict(ferplus.SPLITS)
    table = with_labels(table, "majority", FERPLUS).with_columns(published=published, face="row")
    faces = fer2013.read(real_npz).pixels
    assert len(np.unique(faces.reshape(len(faces), -1), axis=0)) == 34_036
    divided = split(table, faces, FERPLUS, Split(seed=0, val_fraction=0.1, duplicates="drop"))
    assert divided.filter(split="test")["unique"].sum() == 2_883
    result = leakage(divided)
    test, val = result["test_copied_in_train_or_val"], result["val_copied_in_train"]
    assert (test["images"], test["of"]) == (254, 3_137)
    assert test["classes"]["surprise"] == {"images": 110, "of": 394}
    assert (val["images"], val["of"]) == (231, 3_191)
    assert result["groups"]["conflicting_labels"] == 117
    used = {name: sizes["used"] for name, sizes in result["images"].items()}
    assert used == {"train": 24_496, "val": 3_155, "test": 3_137}
