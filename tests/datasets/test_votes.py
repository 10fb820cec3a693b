"""FER+'s label files and rules."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clfer.datasets import expressions, votes
from clfer.errors import InputError

# Ten raters, as in FER+; and any numbers.
RATED = st.lists(st.sampled_from([0, 1, 1, 2, 3, 5, 8, 9]), min_size=10, max_size=10).map(
    lambda choices: np.bincount(choices, minlength=10).astype(np.uint8)
)
VOTES = st.one_of(
    st.lists(RATED, min_size=1, max_size=20).map(np.stack),
    arrays(np.uint8, st.tuples(st.integers(1, 20), st.just(10)), elements=st.integers(0, 10)),
)
CLASSES = expressions.FERPLUS
# Opposed raters, none at all, and rows on which the strongest classes are hard to tell.
EDGES = """\
4 4 0 0 0 0 0 0 1 1, 0 0 0 0 0 0 0 0 0 0, 2 2 2 2 2 0 0 0 0 0, 0 0 0 0 0 0 0 0 0 10,
4 3 3 0 0 0 0 0 0 0, 8 2 0 0 0 0 0 0 0 0, 4 2 2 2 0 0 0 0 0 0, 5 0 0 0 0 0 0 0 3 2,
6 0 0 0 0 0 0 0 4 0, 2 0 0 0 0 0 0 0 4 4"""
EDGES = np.array([row.split() for row in EDGES.split(",")], np.uint8)


def table(rows, names=None):
    names = names or [f"fer{i:07}.png" for i in range(len(rows))]
    return pl.DataFrame({"name": names, "votes": rows}, {"name": pl.String, "votes": votes.VOTES})


def chosen(weights, classes):
    """The label and target of one row's weights."""
    best = weights.index(max(weights))
    if best >= classes or not weights[best]:
        return None, None
    return CLASSES[best], [weight / sum(weights[:classes]) for weight in weights[:classes]]


def majority_by_hand(row):
    kept = [0 if vote <= 1 else vote for vote in row]
    return kept if max(kept) > 0.5 * sum(kept) else [0] * 10


def several_by_hand(row):
    """Microsoft's probability and cross-entropy rule vote by vote."""
    left = [0 if vote <= 1 else vote for vote in row]
    total, taken = sum(left), {}
    more = total > 0
    while more and sum(taken.values()) < 0.75 * total and len(taken) < 3:
        top = max(left)
        for place in [i for i, vote in enumerate(left) if vote == top]:
            if place >= 8:  # raters who could not tell end it, and count only if they lead
                more = False
                if taken:
                    break
            taken[place], left[place] = top, 0
    if 2 * sum(taken.values()) <= total or len(taken) > 3 or max(taken, default=0) >= 8:
        return [0] * 10
    return [taken.get(i, 0) for i in range(10)]


def multi_target_by_hand(row):
    left = [0 if vote <= 1 else vote for vote in row]
    taken = [vote if vote and vote / sum(left) > 0.3 - 1e-9 else 0 for vote in left]
    return taken if 2 * sum(taken) > sum(left) else [0] * 10


BY_HAND = {
    "majority": majority_by_hand,
    "probability": several_by_hand,
    "crossentropy": several_by_hand,
    "multi_target": multi_target_by_hand,
    "argmax8": lambda row: row[:8] if any(row[:8]) else [1] * 8,  # no image is dropped
    "argmax10": lambda row: row,
}


@pytest.mark.parametrize("mode", votes.RULES)
@given(counts=VOTES)
def test_with_labels_agrees_with_a_loop_over_rows(mode, counts):
    counts = np.concatenate([counts, EDGES])
    before = counts.tolist()
    votes.RULES[mode](counts)
    assert counts.tolist() == before
    for classes in (8, 7):
        found = votes.with_labels(table(before), mode, CLASSES[:classes])
        labelled = zip(found["label"], found["target"].to_list(), strict=True)
        for row, (label, target) in zip(before, labelled, strict=True):
            expected_label, expected_target = chosen(BY_HAND[mode](row), classes)
            assert label == expected_label
            assert target == (expected_target and pytest.approx(expected_target, abs=1e-6))


@pytest.mark.parametrize("mode", votes.RULES)
def test_rows_without_name_or_votes_stand_for_no_image(mode):
    ten = [10] + [0] * 9
    found = votes.with_labels(table([ten, ten, None], ["a.png", None, "c.png"]), mode, CLASSES)
    assert found["label"].to_list() == ["neutral", None, None]
    assert found["target"].is_null().to_list() == [False, True, True]
    without = votes.with_labels(table([None, None]), mode, CLASSES)
    assert without.schema["target"] == found.schema["target"] == pl.Array(pl.Float32, 8)
    assert without["label"].to_list() == [None, None]


TABLE = f"""{",".join(votes.HEADER)}
Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0
Training,,0,0,0,0,0,0,0,0,0,10
PublicTest,fer0000001.png,4,0,0,0,0,3,1,0,1,0
PrivateTest,fer0000002.png,0,10,0,0,0,0,0,0,0,0
"""
LAYOUT = """fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0
fer0000001.png,"(0, 0, 48, 48)",0,0,0,0,0,0,0,0,0,10
"""


def place(folder, content):
    path = folder / "votes.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_read_votes(tmp_path, ending):
    found = votes.read_votes(place(tmp_path, TABLE.replace("\n", ending)))
    schema = {"row": pl.Int64, "name": pl.String, "usage": pl.String, "votes": votes.VOTES}
    assert found.schema == schema
    assert found["row"].to_list() == [0, 1, 2, 3]
    assert found["name"].to_list() == ["fer0000000.png", None, "fer0000001.png", "fer0000002.png"]
    assert found["usage"].to_list() == ["Training", "Training", "PublicTest", "PrivateTest"]
    assert found["votes"][0].to_list() == [4, 0, 0, 1, 3, 2, 0, 0, 0, 0]
    assert sum(found["votes"][2]) == 9  # as in one published row


def test_read_layout(tmp_path):
    found = votes.read_layout(place(tmp_path, LAYOUT))
    assert found.schema == {"name": pl.String, "votes": votes.VOTES}
    assert found["name"].to_list() == ["fer0000000.png", "fer0000001.png"]
    assert found["votes"].to_list() == [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0] * 9 + [10]]


TWELVE = ": expected a csv in UTF-8 of 12 columns, found another"


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (0, TABLE.replace("2,0,0,0,0\n", "-2,0,0,0,0\n", 1), " row 0: .* disgust, found '-2'"),
        (0, TABLE.replace("4,0,0,1", "=4,0,0,1"), " row 0: .* neutral, found '=4'"),
        (0, TABLE.replace("4,0,0,1", "+4,0,0,1"), r" row 0: .* neutral, found '\+4'"),
        (0, TABLE + 'Training,"a\n' + '","\n' * 100_000, TWELVE),
        (0, TABLE.replace("0,10\nPub", "0\nPub"), " row 1: .* 0 to 10 votes .* NF, found ''"),
        (0, TABLE.replace("PublicTest", "Public"), " row 2: .* in column Usage, found 'Public'"),
        (0, TABLE.replace("sadness,anger", "anger,sadness"), ": expected the header Usage,Image"),
        (0, TABLE.split("\n", 1)[1], ": expected the header .* found 'Training,fer0000000.png"),
        (0, "", ": expected the header .* found ''"),
        (0, b"\xff\xfe\x00", TWELVE),
        (1, LAYOUT.replace("fer0000001.png", ""), " row 1: expected an image name"),
        (1, LAYOUT.replace('"', ""), TWELVE),
    ],
)
def test_bad_votes_are_explained_in_one_line(tmp_path, read, content, message):
    with pytest.raises(InputError, match=rf"^{tmp_path}/votes\.csv{message}.* again$"):
        (votes.read_votes, votes.read_layout)[read](place(tmp_path, content))
