"""Files that are not what they should be, each named in one line."""

import copy
from pathlib import Path

import pytest
from materials import figure, paper_table, picture, summary

from clfer.errors import InputError
from clfer.report import contents
from clfer.report.contents import check

PATH = Path("metrics/summary.json")
OURS = ("datasets", "faces", "variants", "ours")


def test_what_the_stages_write_passes() -> None:
    found = summary()
    assert check(contents.Summary, found, PATH, "") is found
    assert check(contents.Table, paper_table(), PATH, "") == paper_table()
    assert check(contents.Caption, figure().about, PATH, "") == figure().about
    assert contents.picture(picture().content, Path("a.png")) == picture()
    assert contents.picture(b"<?xml", Path("a.svg")).kind == "svg+xml"


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("alpha",), ..., "summary.json: expected 'alpha', found no such key"),
        ((*OURS, "uar"), ..., "datasets.faces.variants.ours: expected 'uar', found no such key"),
        (("datasets",), None, "summary.json: datasets: Input should be a valid dictionary, found"),
        (OURS, None, "datasets.faces.variants: ours: Input should be a valid dict"),
        (("datasets",), {}, "datasets: Dictionary should have at least 1 item"),
        (OURS[:3], {}, "datasets.faces: variants: Dictionary should have at least 1 item"),
    ],
)
def test_a_summary_with_something_else_in_a_place(
    keys: tuple[str, ...], value: object, words: str
) -> None:
    found = copy.deepcopy(summary())
    inner, (*outer, last) = found, keys
    for key in outer:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    with pytest.raises(InputError, match="run `dvc repro`") as error:
        check(contents.Summary, found, PATH, "run `dvc repro`")
    assert words in str(error.value)


def test_a_table_with_a_short_row_and_a_picture_that_is_none() -> None:
    about = {**paper_table(), "rows": [["a", "b", "c"], ["a", "b"]]}
    with pytest.raises(InputError, match="expected row 2: 3 cells, found 2"):
        check(contents.Table, about, Path("tables/faces/table4.json"), "")
    with pytest.raises(InputError, match=r"a\.png: expected a picture in PNG, found 3 bytes"):
        contents.picture(b"abc", Path("a.png"))
