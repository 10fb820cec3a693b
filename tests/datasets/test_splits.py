import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets.splits import SPLITS, Split, duplicate_groups, hold_out, quotas, split
from clfer.errors import InputError

CLASSES = ("calm", "glad")
LEVELS = 8  # of faces in the drawn tables: few, so that many are identical

ROWS = st.tuples(
    st.sampled_from(SPLITS),
    st.sampled_from([*CLASSES, None]),
    st.one_of(st.none(), st.integers(0, LEVELS - 1)),
)
# One image of each class in each split that nothing is a copy of, so that no class is left out.
ANCHORS = [
    (part, name, LEVELS + 2 * i + j)
    for i, part in enumerate(SPLITS)
    for j, name in enumerate(CLASSES)
]


def settings(duplicates="drop", seed=0, val_fraction=0.25):
    return Split(seed=seed, val_fraction=val_fraction, duplicates=duplicates)


def divided(rows, *chosen):
    return split(*pack(rows), CLASSES, settings(*chosen))


def pack(rows):
    """A table as `split` wants it, and its faces [F, 2, 2, 1], from (published, label, level)."""
    published, labels, levels = zip(*rows, strict=True)
    schema = {"label": pl.String, "face": pl.Int64, "target": pl.Array(pl.Float32, 2)}
    faces = [level for level in levels if level is not None]
    counter = iter(range(len(faces)))
    columns = {
        "row": range(100, 100 + len(rows)),
        "published": published,
        "label": labels,
        "face": [None if level is None else next(counter) for level in levels],
        "target": [None if label is None else [0.5, 0.5] for label in labels],
    }
    array = np.array(faces, np.uint8).reshape(-1, 1, 1, 1)
    return pl.DataFrame(columns, schema_overrides=schema), array.repeat(2, 1).repeat(2, 2)


def by_hand(rows, duplicates):
    """(split, reason, unique) of each row: every pair of rows is looked at."""
    results = []
    for published, label, level in rows:
        copies = {p for p, lab, lev in rows if lev == level and lab is not None}
        reason = None
        if label is None:
            reason = "no label"
        elif level is None:
            reason = "no face"
        elif duplicates == "drop" and published != "test" and "test" in copies:
            reason = "copy of a test image"
        elif duplicates == "drop" and published == "train" and "val" in copies:
            reason = "copy of a val image"
        unique = None if label is None or level is None else copies == {published}
        results.append((None if reason else published, reason, unique))
    return results


@given(rows=st.lists(ROWS, max_size=40), duplicates=st.sampled_from(["drop", "keep"]))
def test_split_agrees_with_a_loop_over_pairs(rows, duplicates):
    rows = rows + ANCHORS
    table, faces = pack(rows)
    ours = split(table, faces, CLASSES, settings(duplicates))
    expected = by_hand(rows, duplicates)
    assert list(ours.select("split", "reason", "unique").iter_rows()) == expected
    assert ours["row"].equals(table["row"])
    assert ours["label"].cast(pl.String).equals(table["label"])


def test_the_columns_and_their_types():
    integers, words = dict.fromkeys(("row", "face", "group"), pl.Int64), ("published", "split")
    assert dict(divided(ANCHORS).schema) == {
        **integers,
        **dict.fromkeys((*words, "reason"), pl.String),
        "label": pl.Enum(CLASSES),
        "target": pl.Array(pl.Float32, 2),
        "unique": pl.Boolean,
    }


@given(levels=st.lists(st.integers(0, 3), max_size=20))
def test_duplicate_groups_name_the_first_copy(levels):
    faces = np.array(levels, np.uint8).reshape(-1, 1, 1)
    assert duplicate_groups(faces).tolist() == [levels.index(level) for level in levels]


def train_and_test(seed, images=60):
    """Rows without val: many copies within train, labels that may contradict each other."""
    rng = np.random.default_rng(seed)
    names = rng.choice(CLASSES, images, p=[0.8, 0.2]).tolist()
    rows = [
        ("train", *row) for row in zip(names, rng.integers(0, 40, images).tolist(), strict=True)
    ]
    rows += [("train", name, 50 + 5 * i + j) for i, name in enumerate(CLASSES) for j in range(5)]
    return [*rows, ("train", "glad", 0), ("test", "calm", 0), ("test", "glad", 60)]


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_val_is_taken_from_train_in_whole_groups(duplicates):
    for seed in range(5):
        rows = train_and_test(seed)
        ours = divided(rows, duplicates, seed)
        assert set(ours.filter(split="val")["published"]) == {"train"}
        own = ours.filter(pl.col("split").is_in(["train", "val"]))
        assert own.group_by("group").agg(pl.col("split").n_unique())["split"].max() == 1
        share = len(own.filter(split="val")) / len(own)
        assert share == pytest.approx(0.25, abs=0.03)
        assert ("copy of a test image" in ours["reason"].to_list()) == (duplicates == "drop")
        assert divided(rows, duplicates, seed).equals(ours)
        assert not divided(rows, duplicates, seed + 1)["split"].equals(ours["split"])


def test_a_class_that_copies_empty_is_an_error():
    rows = [row for row in ANCHORS if row[:2] != ("val", "glad")]
    rows += [("val", "glad", 60), ("test", "glad", 60)]
    with pytest.raises(InputError) as error:
        divided(rows, "drop")
    assert str(error.value) == (
        "split: expected images of every class, no images of 'glad' are left in val (published "
        "there with this label: 1); add images of it, set split.duplicates to keep, raise "
        "split.val_fraction or take another labels.mode"
    )
    assert divided(rows, "keep")["split"].null_count() == 0


@pytest.mark.parametrize("part", [*SPLITS, None])
def test_a_class_without_an_image_is_named_with_its_split(part):
    rows = [row for row in ANCHORS if row[:2] != (part, "calm")]
    if part is None:  # no face at all
        part, rows = "train", [("train", "calm", None)]
    with pytest.raises(InputError, match=rf"no images of 'calm' are left in {part} \(.*: \d\)"):
        divided(rows)


FRACTIONS = st.floats(0.01, 0.99)
COUNTS = st.lists(st.integers(0, 300), min_size=1, max_size=8)


@given(counts=COUNTS, fraction=FRACTIONS)
def test_quotas_are_the_fraction_to_within_one_image(counts, fraction):
    shares = quotas(np.array(counts, np.int64), fraction)
    for count, share in zip(counts, shares, strict=True):
        if count < 2:
            assert share == 0
        else:
            assert 1 <= share <= count - 1
            assert abs(share - fraction * count) <= 1 + 1e-9


@given(counts=st.lists(st.integers(200, 300), min_size=1, max_size=8), fraction=FRACTIONS)
def test_quotas_of_large_classes_add_up_and_largest_remainders_come_first(counts, fraction):
    assert sum(quotas(np.array(counts, np.int64), fraction)) == round(fraction * sum(counts))
    assert quotas(np.array([19, 16, 15]), 0.1).tolist() == [2, 2, 1]


@given(counts=COUNTS, fraction=FRACTIONS, seed=st.integers(0, 9))
def test_without_copies_each_class_gives_its_quota(counts, fraction, seed):
    labels = np.repeat(np.arange(len(counts)), counts)
    held_out = hold_out(labels, np.arange(len(labels)), fraction, seed)
    given_away = np.bincount(labels[held_out], minlength=len(counts))
    assert given_away.tolist() == quotas(np.array(counts, np.int64), fraction).tolist()


@given(
    images=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=60),
    fraction=FRACTIONS,
    seed=st.integers(0, 9),
)
def test_groups_stay_whole_and_no_class_gives_more_than_its_quota(images, fraction, seed):
    labels, groups = np.array(images, np.int64).reshape(-1, 2).T
    held_out = hold_out(labels, groups, fraction, seed)
    assert len({*groups[held_out]} & {*groups[~held_out]}) == 0
    leads = np.array([labels[list(groups).index(group)] for group in groups], np.int64)
    shares = quotas(np.bincount(leads), fraction)
    assert all(np.bincount(leads[held_out], minlength=len(shares)) <= shares)
