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


def argmax10_by_hand(row):
    best = row.index(max(row))
    if best >= 8 or not any(row):
        return None, None
    return expressions.FERPLUS[best], [vote / sum(row[:8]) for vote in row[:8]]


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
        return None, None
    best = max(taken, key=lambda place: (taken[place], -place))
    return expressions.FERPLUS[best], [taken.get(i, 0) / sum(taken.values()) for i in range(8)]


def multi_target_by_hand(row):
    left = [0 if vote <= 1 else vote for vote in row]
    taken = [vote if vote and vote / sum(left) > 0.3 - 1e-9 else 0 for vote in left]
    if 2 * sum(taken) <= sum(left) or taken.index(max(taken)) >= 8:
        return None, None
    best = taken.index(max(taken))
    return expressions.FERPLUS[best], [vote / sum(taken[:8]) for vote in taken[:8]]


BY_HAND = {
    "majority": majority_by_hand,
    "probability": several_by_hand,
    "crossentropy": several_by_hand,
    "multi_target": multi_target_by_hand,
    "argmax8": argmax8_by_hand,
    "argmax10": argmax10_by_hand,
}


@pytest.mark.parametrize("mode", votes.RULES)
@given(counts=VOTES)
def test_with_labels_agrees_with_a_loop_over_rows(mode, counts):
    labelled = votes.with_labels(table(counts.tolist()), mode, CLASSES)
    for row, label, target in zip(
        counts.tolist(), labelled["label"], labelled["target"].to_list(), strict=True
    ):
        expected_label, expected_target = BY_HAND[mode](row)
        assert label == expected_label
        assert (target is None) == (expected_target is None)
        if target is not None:
            assert np.allclose(target, expected_target, atol=1e-6)
            assert sum(target) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ([4, 3, 3, 0, 0, 0, 0, 0, 0, 0], [4, 3, 3, 0, 0, 0, 0, 0]),
        ([4, 4, 1, 1, 0, 0, 0, 0, 0, 0], [4, 4, 0, 0, 0, 0, 0, 0]),
        ([8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0]),  # three quarters are enough
        ([4, 2, 2, 2, 0, 0, 0, 0, 0, 0], None),  # the third to come brings a fourth
        ([5, 0, 0, 0, 0, 0, 0, 0, 3, 2], None),  # unknown comes before half is reached
        ([6, 0, 0, 0, 0, 0, 0, 0, 4, 0], [6, 0, 0, 0, 0, 0, 0, 0]),
        ([2, 0, 0, 0, 0, 0, 0, 0, 4, 4], None),
    ],
)
def test_the_strongest_classes_of_one_row(row, kept):
    target = votes.with_labels(table([row]), "crossentropy", CLASSES)["target"].to_list()[0]
    assert target == (kept and pytest.approx([vote / sum(kept) for vote in kept]))


@pytest.mark.parametrize("mode", votes.RULES)
@given(counts=VOTES)
def test_seven_classes_drop_the_eighth(mode, counts):
    eight, seven = (votes.with_labels(table(counts.tolist()), mode, CLASSES[:n]) for n in (8, 7))
    for one, other, wide, narrow in zip(
        eight["label"],
        seven["label"],
        eight["target"].to_list(),
        seven["target"].to_list(),
        strict=True,
    ):
        assert other == (None if one == "contempt" else one)
        if other is not None:
            assert narrow == pytest.approx([w / sum(wide[:7]) for w in wide[:7]], abs=1e-6)


def test_argmax8_takes_the_first_of_equals_and_drops_no_image():
    labelled = votes.with_labels(table([*OPPOSED, [0] * 9 + [10]]), "argmax8", CLASSES)
    assert labelled["label"].to_list() == ["neutral"] * 4
    assert labelled["target"].to_list()[3] == [0.125] * 8


@pytest.mark.parametrize("mode", votes.RULES)
def test_rows_without_name_or_votes_stand_for_no_image(mode):
    ten = [10] + [0] * 9
    labelled = votes.with_labels(table([ten, ten, None], ["a.png", None, "c.png"]), mode, CLASSES)
    assert labelled["label"].to_list() == ["neutral", None, None]
    assert labelled["target"].is_null().to_list() == [False, True, True]


@pytest.mark.parametrize("rows", [[], [None, None]])
def test_a_table_without_images_keeps_its_types(rows):
    labelled = votes.with_labels(table(rows), "majority", CLASSES)
    assert labelled.schema["label"] == pl.String
    assert labelled.schema["target"] == pl.Array(pl.Float32, 8)
    assert labelled["label"].null_count() == len(rows)


def test_rules_leave_their_input_alone():
    counts = np.array(OPPOSED, np.uint8)
    before = counts.copy()
    for rule in votes.RULES.values():
        rule(counts)
    assert np.array_equal(counts, before)


HEADER = (
    "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
)
TABLE = f"""{HEADER}
Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0
Training,,0,0,0,0,0,0,0,0,0,10
PublicTest,fer0000001.png,4,0,0,0,0,3,1,0,1,0
PrivateTest,fer0000002.png,0,10,0,0,0,0,0,0,0,0
"""
LAYOUT = """fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0
fer0000001.png,"(0, 0, 48, 48)",0,0,0,0,0,0,0,0,0,10
"""


def place(folder, content, name="fer2013new.csv"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_read_votes(tmp_path, ending):
    table = votes.read_votes(place(tmp_path, TABLE.replace("\n", ending)))
    assert table.schema == {
        "row": pl.Int64,
        "name": pl.String,
        "usage": pl.String,
        "votes": pl.Array(pl.UInt8, 10),
    }
    assert table["row"].to_list() == [0, 1, 2, 3]
    assert table["name"].to_list() == ["fer0000000.png", None, "fer0000001.png", "fer0000002.png"]
    assert table["usage"].to_list() == ["Training", "Training", "PublicTest", "PrivateTest"]
    assert table["votes"][0].to_list() == [4, 0, 0, 1, 3, 2, 0, 0, 0, 0]
    assert sum(table["votes"][2]) == 9  # as in one published row


def test_read_layout(tmp_path):
    table = votes.read_layout(place(tmp_path, LAYOUT, "label.csv"))
    assert table.schema == {"name": pl.String, "votes": pl.Array(pl.UInt8, 10)}
    assert table["name"].to_list() == ["fer0000000.png", "fer0000001.png"]
    assert table["votes"].to_list() == [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0] * 9 + [10]]


@given(counts=st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), max_size=20))
def test_votes_read_back_what_was_written(tmp_path_factory, counts):
    rows = [f"Training,{i}.png,{','.join(map(str, row))}" for i, row in enumerate(counts)]
    path = place(tmp_path_factory.mktemp("votes"), "\n".join([HEADER, *rows]))
    assert votes.read_votes(path)["votes"].to_list() == counts


BAD_TABLES = [
    (TABLE.replace("2,0,0,0,0\n", "-2,0,0,0,0\n", 1), "row 0: .* column disgust, found '-2'"),
    (TABLE.replace("0,10\nPub", "0,ten\nPub"), "row 1: .* 0 to 10 votes in column NF, found 'ten'"),
    (TABLE.replace("0,10\nPub", "0,11\nPub"), "row 1: .* 0 to 10 votes in column NF, found '11'"),
    (TABLE.replace("0,10\nPub", "0,\nPub"), "row 1: .* 0 to 10 votes in column NF, found ''"),
    (TABLE.replace("0,10\nPub", "0,²\nPub"), "row 1: .* 0 to 10 votes in column NF, found '²'"),
    (TABLE.replace("0,10\nPub", "0\nPub"), "row 1: .* 0 to 10 votes in column NF, found ''"),
    (TABLE.replace("PublicTest", "Public"), "row 2: .* in column Usage, found 'Public'"),
    (TABLE.replace("sadness,anger", "anger,sadness"), ": expected the header Usage,Image name,"),
    (TABLE.split("\n", 1)[1], ": expected the header .* found 'Training,fer0000000.png"),
    ("", ": expected the header .* found ''"),
    (b"\xff\xfe\x00", "expected a csv in UTF-8 of 12 columns, found another"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TABLES)
def test_bad_votes_are_told_in_one_line(tmp_path, content, message):
    path = place(tmp_path, content)
    with pytest.raises(InputError, match=message) as told:
        votes.read_votes(path)
    assert str(told.value).startswith(str(path))
    assert str(told.value).endswith("again")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAYOUT.replace("fer0000001.png", ""), "row 1: expected an image name"),
        (LAYOUT.replace("4,0", "-4,0"), "row 0: .* 0 to 10 votes in column neutral, found '-4'"),
        (LAYOUT.replace('"', ""), "expected a csv in UTF-8 of 12 columns, found another"),
    ],
)
def test_a_bad_layout_is_told_in_one_line(tmp_path, content, message):
    with pytest.raises(InputError, match=f"label.csv:? ?{message}"):
        votes.read_layout(place(tmp_path, content, "label.csv"))


@pytest.mark.parametrize("read", [votes.read_votes, votes.read_layout])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(InputError, match=r"nowhere\.csv: expected a file, found none"):
        read(tmp_path / "nowhere.csv")


def test_the_real_files(real_fer2013):
    table = votes.read_votes(real_fer2013 / "fer2013new.csv")
    assert len(table) == 35_887
    assert table["name"].null_count() == 173
    assert table["name"].n_unique() == 35_710 + 1  # and null
    assert sorted(set(table["votes"].arr.sum())) == [9, 10]
    sizes = [
        len(votes.read_layout(real_fer2013 / "ferplus-label" / f"FER2013{split}.csv"))
        for split in ("Train", "Valid", "Test")
    ]
    assert sizes == [28_558, 3_579, 3_573]
