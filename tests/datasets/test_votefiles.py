import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.datasets import votefiles
from clfer.errors import InputError

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
    table = votefiles.read_votes(place(tmp_path, TABLE.replace("\n", ending)))
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
    table = votefiles.read_layout(place(tmp_path, LAYOUT, "label.csv"))
    assert table.schema == {"name": pl.String, "votes": pl.Array(pl.UInt8, 10)}
    assert table["name"].to_list() == ["fer0000000.png", "fer0000001.png"]
    assert table["votes"].to_list() == [[4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [0] * 9 + [10]]


@given(counts=st.lists(st.lists(st.integers(0, 10), min_size=10, max_size=10), max_size=20))
def test_votes_read_back_what_was_written(tmp_path_factory, counts):
    rows = [f"Training,{i}.png,{','.join(map(str, row))}" for i, row in enumerate(counts)]
    path = place(tmp_path_factory.mktemp("votes"), "\n".join([HEADER, *rows]))
    assert votefiles.read_votes(path)["votes"].to_list() == counts


BAD_TABLES = [
    (TABLE.replace("2,0,0,0,0\n", "-2,0,0,0,0\n", 1), "row 0: .* column disgust, found '-2'"),
    (TABLE.replace("0,10\nPub", "0,ten\nPub"), "row 1: .* 0 to 10 votes in column NF, found 'ten'"),
    (TABLE.replace("0,10\nPub", "0,11\nPub"), "row 1: .* 0 to 10 votes in column NF, found '11'"),
    (TABLE.replace("0,10\nPub", "0,\nPub"), "row 1: .* 0 to 10 votes in column NF, found ''"),
    (TABLE.replace("0,10\nPub", "0,²\nPub"), "row 1: .* 0 to 10 votes in column NF, found '²'"),
    (TABLE.replace("0,10\nPub", "0\nPub"), "row 1: expected 12 columns, found 11"),
    (TABLE.replace("PublicTest", "Public"), "row 2: .* in column Usage, found 'Public'"),
    (TABLE.replace("sadness,anger", "anger,sadness"), ": expected the header Usage,Image name,"),
    (TABLE.split("\n", 1)[1], ": expected the header .* found 'Training,fer0000000.png"),
    ("", ": expected the header .* found ''"),
    (b"\xff\xfe\x00", ": expected a csv, found other bytes"),
]


@pytest.mark.parametrize(("content", "message"), BAD_TABLES)
def test_bad_votes_are_told_in_one_line(tmp_path, content, message):
    path = place(tmp_path, content)
    with pytest.raises(InputError, match=message) as told:
        votefiles.read_votes(path)
    assert str(told.value).startswith(str(path))
    assert str(told.value).endswith("again")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (LAYOUT.replace("fer0000001.png", ""), "row 1: expected an image name in the first column"),
        (LAYOUT.replace("4,0", "-4,0"), "row 0: .* 0 to 10 votes in column neutral, found '-4'"),
        (LAYOUT.replace('"', ""), "row 0: expected 12 columns, found 15"),
    ],
)
def test_a_bad_layout_is_told_in_one_line(tmp_path, content, message):
    with pytest.raises(InputError, match=f"label.csv {message}"):
        votefiles.read_layout(place(tmp_path, content, "label.csv"))


@pytest.mark.parametrize("read", [votefiles.read_votes, votefiles.read_layout])
def test_a_missing_file_is_named(tmp_path, read):
    with pytest.raises(InputError, match=r"nowhere\.csv: expected a file, found none"):
        read(tmp_path / "nowhere.csv")


def test_the_real_files(real_fer2013):
    table = votefiles.read_votes(real_fer2013 / "fer2013new.csv")
    assert len(table) == 35_887
    assert table["name"].null_count() == 173
    assert table["name"].n_unique() == 35_710 + 1  # and null
    assert sorted(set(table["votes"].arr.sum())) == [9, 10]
    sizes = [
        len(votefiles.read_layout(real_fer2013 / "ferplus-label" / f"FER2013{split}.csv"))
        for split in ("Train", "Valid", "Test")
    ]
    assert sizes == [28_558, 3_579, 3_573]
