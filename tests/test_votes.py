import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clfer import expressions, votes

VOTES = arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(10)), elements=st.integers(0, 10))
OPPOSED = [[4, 4, 0, 0, 0, 0, 0, 0, 1, 1], [0] * 10, [2] * 5 + [0] * 5]


def table(counts, names=None):
    rows = list(counts)
    names = [f"fer{i:07}.png" for i in range(len(rows))] if names is None else names
    return pl.DataFrame(
        {"name": names, "votes": rows}, schema={"name": pl.String, "votes": pl.Array(pl.UInt8, 10)}
    )


def majority_by_hand(row):
    """One row of Microsoft's rule as a plain loop: label and target, or None twice."""
    kept = [0 if vote <= 1 else vote for vote in row]
    top = max(kept)
    if top <= 0.5 * sum(kept) or kept.index(top) >= 8:
        return None, None
    return expressions.FERPLUS[kept.index(top)], [vote / sum(kept[:8]) for vote in kept[:8]]


def argmax8_by_hand(row):
    emotions = row[:8] if any(row[:8]) else [1] * 8
    best = emotions.index(max(emotions))
    return expressions.FERPLUS[best], [vote / sum(emotions) for vote in emotions]


BY_HAND = {"majority": majority_by_hand, "argmax8": argmax8_by_hand}


@pytest.mark.parametrize("mode", votes.RULES)
@given(counts=VOTES)
def test_with_labels_agrees_with_a_loop_over_rows(mode, counts):
    labelled = votes.with_labels(table(counts.tolist()), mode)
    for row, label, target in zip(
        counts.tolist(), labelled["label"], labelled["target"].to_list(), strict=True
    ):
        expected_label, expected_target = BY_HAND[mode](row)
        assert label == expected_label
        assert (target is None) == (expected_target is None)
        if target is not None:
            assert np.allclose(target, expected_target, atol=1e-6)
            assert sum(target) == pytest.approx(1, abs=1e-6)


@given(counts=VOTES)
def test_majority_never_keeps_a_label_that_most_raters_reject(counts):
    labelled = votes.with_labels(table(counts.tolist()), "majority")
    for row, label in zip(counts.tolist(), labelled["label"], strict=True):
        if label is not None:
            mine = row[expressions.FERPLUS.index(label)]
            assert mine == max(row)
            assert all(other < mine for i, other in enumerate(row) if row[i] != mine)


@pytest.mark.parametrize(
    ("row", "label"),
    [
        ([6, 4, 0, 0, 0, 0, 0, 0, 0, 0], "neutral"),
        ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], None),  # exactly half is no majority
        ([5, 4, 1, 0, 0, 0, 0, 0, 0, 0], "neutral"),  # 5 of 9: the single vote is removed first
        ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),  # nothing but outliers
        ([0, 0, 0, 0, 0, 0, 0, 2, 1, 1], "contempt"),
        ([2, 0, 0, 0, 0, 0, 0, 0, 6, 2], None),  # most raters could not tell
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None),  # not a face
    ],
)
def test_majority_of_one_row(row, label):
    assert votes.with_labels(table([row]), "majority")["label"].to_list() == [label]


def test_argmax8_takes_the_first_of_equals_and_drops_no_image():
    labelled = votes.with_labels(table([*OPPOSED, [0] * 9 + [10]]), "argmax8")
    assert labelled["label"].to_list() == ["neutral"] * 4
    assert labelled["target"].to_list()[3] == [0.125] * 8


@pytest.mark.parametrize("mode", votes.RULES)
def test_rows_without_name_or_votes_stand_for_no_image(mode):
    ten = [10] + [0] * 9
    labelled = votes.with_labels(table([ten, ten, None], ["a.png", None, "c.png"]), mode)
    assert labelled["label"].to_list() == ["neutral", None, None]
    assert labelled["target"].is_null().to_list() == [False, True, True]


@pytest.mark.parametrize("rows", [[], [None, None]])
def test_a_table_without_images_keeps_its_types(rows):
    labelled = votes.with_labels(table(rows), "majority")
    assert labelled.schema["label"] == pl.String
    assert labelled.schema["target"] == pl.Array(pl.Float32, 8)
    assert labelled["label"].null_count() == len(rows)


def test_rules_leave_their_input_alone():
    counts = np.array(OPPOSED, np.uint8)
    before = counts.copy()
    for rule in votes.RULES.values():
        rule(counts)
    assert np.array_equal(counts, before)
