"""Files that are not what they should be, each named in one line."""

from functools import reduce
from pathlib import Path

import pytest
from materials import figure, paper_table, picture, summary

from clfer.errors import InputError
from clfer.report import contents
from clfer.report.contents import check

PATH = Path("metrics/summary.json")
OURS = ("datasets", "faces", "variants", "ours")


def test_what_the_stages_write_passes() -> None:
    given = summary()
    assert check(contents.Summary, given, PATH, "") is given
    assert check(contents.Table, paper_table(), PATH, "") == paper_table()
    assert check(contents.Caption, figure()[0], PATH, "") == figure()[0]
    assert contents.picture(picture().content, Path("a.png")) == picture()
    assert contents.picture(b"<?xml", Path("a.svg")).kind == "svg+xml"


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("alpha",), ..., "summary.json: expected 'alpha', found no such key"),
        ((*OURS, "uar"), ..., "datasets.faces.variants.ours: expected 'uar', found no such key"),
        (("datasets",), None, "summary.json: datasets: Input should be a valid dictionary, found"),
        (OURS[:3], {}, "datasets.faces: variants: Dictionary should have at least 1 item"),
    ],
)
def test_a_summary_with_something_else_in_a_place(
    keys: tuple[str, ...], value: object, words: str
) -> None:
    given = summary()
    block = reduce(lambda outer, key: outer[key], keys[:-1], given)
    block[keys[-1]] = value
    if value is ...:
        del block[keys[-1]]
    with pytest.raises(InputError, match="run `dvc repro`") as error:
        check(contents.Summary, given, PATH, "run `dvc repro`")
    assert words in str(error.value)


def test_a_table_with_a_short_row_and_a_picture_that_is_none() -> None:
    with pytest.raises(InputError, match="expected row 2: 3 cells, found 2"):
        check(contents.Table, paper_table(rows=[["a", "b", "c"], ["a", "b"]]), PATH, "")
    with pytest.raises(InputError, match=r"a\.png: expected a picture in PNG, found 3 bytes"):
        contents.picture(b"abc", Path("a.png"))
