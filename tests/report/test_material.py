"""Files that are not what they should be, each told in one line."""

import copy
from pathlib import Path

import pytest
from materials import figure, paper_table, picture, summary

from clfer.errors import InputError
from clfer.report import material

PATH = Path("metrics/summary.json")


def test_what_the_stages_write_passes() -> None:
    found = summary()
    assert material.checked_summary(found, PATH) is found
    assert material.checked_table(paper_table(), PATH) == paper_table()
    assert material.checked_figure(figure().about, PATH) == figure().about
    assert material.checked_picture(picture().content, Path("a.png")) == picture().content
    assert material.checked_picture(b"<?xml", Path("a.svg")) == b"<?xml"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "metrics/summary.json: expected an object, found NoneType"),
        (("datasets",), "metrics/summary.json, datasets: expected an object"),
        (("datasets", "faces"), "metrics/summary.json, datasets.faces: expected an object"),
        (("datasets", "faces", "variants"), "datasets.faces.variants: expected an object"),
        (("datasets", "faces", "variants", "ours"), "datasets.faces.variants.ours: expected an"),
    ],
)
def test_a_summary_with_something_else_in_a_place(keys: tuple[str, ...], words: str) -> None:
    found = {"": copy.deepcopy(summary())}
    inner, (*outer, last) = found, ["", *keys]
    for key in outer:
        inner = inner[key]
    inner[last] = None
    with pytest.raises(InputError, match="run `dvc repro`") as error:
        material.checked_summary(found[""], PATH)
    assert words in str(error.value)


@pytest.mark.parametrize("key", ["alpha", "datasets"])
def test_a_summary_without_a_key(key: str) -> None:
    found = summary()
    del found[key]
    with pytest.raises(InputError, match=f"expected '{key}', found no such key"):
        material.checked_summary(found, PATH)


def test_a_summary_without_a_dataset_or_variant() -> None:
    for found in ({**summary(), "datasets": {}}, summary()):
        if found["datasets"]:
            found["datasets"]["faces"]["variants"] = {}
        with pytest.raises(InputError, match="expected at least one"):
            material.checked_summary(found, PATH)


def test_a_table_with_a_short_row() -> None:
    about = {**paper_table(), "rows": [["a", "b", "c"], ["a", "b"]]}
    with pytest.raises(InputError, match="row 2: expected 3 cells, found 2"):
        material.checked_table(about, Path("tables/faces/table4.json"))


def test_a_picture_that_is_none() -> None:
    with pytest.raises(InputError, match=r"a\.png: expected a picture in PNG, found 3 bytes"):
        material.checked_picture(b"abc", Path("a.png"))
