"""Tables with formulas, endless fields and odd names."""

import pytest
from fer2013_forms import official
from image_trees import encoded, labelled, plant
from watched import watched

from clfer.datasets import fer2013, raf_db
from clfer.datasets.votes import HEADER, read_votes
from clfer.errors import InputError

MB = 1 << 20
LONG = 10**9
AT_MOST = "expected at most"
ROW = "Training,{name},4,0,0,1,3,2,0,0,0,0\n"
HEAD = ",".join(HEADER) + "\n"
FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "@SUM(1)", "+1", '"=HYPERLINK(""x"")"']


def endless(path, start, end=b""):
    """A file with a field of LONG zeros in it; as a sparse file it takes no room."""
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + LONG)
        file.seek(0, 2)
        file.write(end)
    return path


FER2013 = ("from clfer.datasets import fer2013", "fer2013.read(path)")
VOTES = ("from clfer.datasets import votes", "votes.read_votes(path)")
LAYOUT = ("from clfer.datasets import votes", "votes.read_layout(path)")
LISTS = (
    "from clfer.datasets import source",
    "list(source.lines(path.parents[1], path.name))",
)


@pytest.mark.parametrize(
    ("read", "name", "start", "found"),
    [
        (
            FER2013,
            "fer2013.csv",
            b"emotion,pixels,Usage\n0,",
            f"{AT_MOST} 536,870,912 bytes",
        ),
        (FER2013, "fer2013.csv", b"", f"{AT_MOST} 536,870,912 bytes"),
        (
            VOTES,
            "fer2013new.csv",
            HEAD.encode() + b"Training,",
            f"{AT_MOST} 536,870,912 bytes",
        ),
        (
            VOTES,
            "fer2013new.csv",
            HEAD.encode() + b'Training,"',
            f"{AT_MOST} 536,870,912 bytes",
        ),
        (LAYOUT, "label.csv", b"a.png,", f"{AT_MOST} 536,870,912 bytes"),
        (LISTS, "training.csv", b"1/a.jpg,", "line 1: expected a row of a list, found a line"),
    ],
)
def test_a_field_of_a_thousand_million_characters(read, name, start, found, tmp_path):
    folder = tmp_path / "labels"
    folder.mkdir()
    (tmp_path / "folder.txt").write_text("there\n")
    path = endless(folder / name, start, b",Training\n")
    assert path.stat().st_size > LONG
    line, grown, seconds = watched(*read, path)
    assert found in line
    assert line.isprintable()
    assert len(line) < 1000
    assert grown < 20 * MB
    assert seconds < 60


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_is_no_number_and_no_usage(formula, tmp_path):
    csv = official().replace(b"\n0,", f"\n{formula},".encode(), 1)
    (tmp_path / "fer2013.csv").write_bytes(csv)
    with pytest.raises(InputError, match=r"row 0: expected 0 to 6 in column emotion, found"):
        fer2013.read(tmp_path / "fer2013.csv")
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(HEAD + ROW.format(name="a.png").replace(",4,", f",{formula},"))
    with pytest.raises(InputError, match="row 0: expected 0 to 10 votes in column neutral, found"):
        read_votes(votes)


@pytest.mark.parametrize("formula", FORMULAS[:4])
def test_a_formula_as_a_name_stays_a_name(formula, tmp_path):
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(HEAD + ROW.format(name=formula))
    assert read_votes(votes)["name"].to_list() == [formula]


def test_pixels_between_tabs_are_pixels(tmp_path):
    """Which once ended in a StopIteration."""
    for name, content in (("a.csv", official()), ("b.csv", official().replace(b" ", b"\t"))):
        (tmp_path / name).write_bytes(content)
    found = [fer2013.read(tmp_path / name).pixels for name in ("a.csv", "b.csv")]
    assert (found[0] == found[1]).all()


def test_a_quoted_field_over_many_lines_is_told(tmp_path):
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(HEAD + 'Training,"a\n' + '","\n' * 100_000)
    with pytest.raises(InputError, match="expected a csv in UTF-8 of 12 columns, found another"):
        read_votes(votes)


def test_a_folder_that_is_called_like_the_list(tmp_path):
    """As a zip is that was unpacked into a folder of its file's name."""
    list_ = raf_db.LISTS[0]
    files = {f"EmoLabel/{list_}/{list_}": "train_00001.jpg 5\ntest_0001.jpg 4\n"}
    for name in ("train_00001", "test_0001"):
        files[f"Image/aligned/{name}_aligned.jpg"] = encoded(0)
    table, _ = labelled(
        raf_db, plant(tmp_path / "there", files), tmp_path / "raw", images="aligned"
    )
    assert table["label"].to_list() == [raf_db.RAF_DB[4], raf_db.RAF_DB[3]]
