"""Tables of faces: the three kinds say the same, and appear whole or not at all."""

import csv
import json

import polars as pl
import pytest

from clfer.inference.frames import Frame
from clfer.inference.output import row, tables
from clfer.inference.predictor import Face

CLASSES = ("happiness", "sad, ness", 'quo"te')
FACES = [
    (
        Frame("a.png", lambda: None),
        Face(dict(zip(CLASSES, (0.7, 0.2, 0.1), strict=True)), (1.5, 2.0, 30.25, 40.0), 0.875),
    ),
    (
        Frame("v.mp4", lambda: None, 7, 0.28),
        Face(dict(zip(CLASSES, (0.3, 0.4, 0.3), strict=True))),
    ),
]


def written(folder, rows):
    paths = [folder / f"out.{kind}" for kind in ("csv", "json", "parquet")]
    with tables(CLASSES, *paths) as write:
        for one in rows:
            write(one)
    return paths


def test_the_three_files_say_the_same(tmp_path):
    rows = [row(frame, face, 0.5) for frame, face in FACES]
    table, listed, stored = written(tmp_path, rows)
    assert json.loads(listed.read_text()) == [json.loads(json.dumps(one)) for one in rows]
    frame = pl.read_parquet(stored)
    with table.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for one, line, given in zip(rows, lines, frame.iter_rows(named=True), strict=True):
        for name, chance in one["probability"].items():
            assert float(line[f"probability_{name}"]) == chance
            assert given[f"probability_{name}"] == pytest.approx(chance)
        box = one["box"] or [None] * 4
        for side, value in zip(("left", "top", "width", "height"), box, strict=True):
            assert line[f"box_{side}"] == ("" if value is None else str(value))
            assert given[f"box_{side}"] == value
        assert (line["label"] or None) == given["label"] == one["label"]
        assert (int(line["frame"]) if line["frame"] else None) == given["frame"] == one["frame"]
    assert rows[0]["label"] == "happiness"
    assert rows[1]["label"] is None  # less probable than one half
    assert rows[1]["confidence"] == 0.4


def test_no_face_makes_files_without_rows(tmp_path):
    table, listed, stored = written(tmp_path, [])
    assert json.loads(listed.read_text()) == []
    assert len(table.read_text().splitlines()) == 1
    assert pl.read_parquet(stored).shape == (0, 13)


def test_many_rows_come_back_in_order(tmp_path):
    frame, face = FACES[1]
    rows = (row(Frame("v", frame.read, i, 0.0), face, 0.0) for i in range(9000))
    _, _, stored = written(tmp_path, rows)
    assert pl.read_parquet(stored)["frame"].to_list() == list(range(9000))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ['a "quoted", name.png', "two\nlines.png", "null", "1.5", " a "])
def test_any_name_comes_back(tmp_path, name):
    table, listed, stored = written(tmp_path, [row(Frame(name, lambda: None), FACES[0][1], 0.0)])
    assert pl.read_parquet(stored)["file"].to_list() == [name]
    assert json.loads(listed.read_text())[0]["file"] == name
    with table.open(newline="") as file:
        assert next(csv.DictReader(file))["file"] == name


def test_a_name_that_is_no_utf_8_is_escaped(tmp_path):
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    table, _, stored = written(tmp_path, [row(Frame(name, lambda: None), FACES[0][1], 0.0)])
    assert pl.read_parquet(stored)["file"].to_list() == [r"caf\udce9.png"]
    assert r"caf\udce9.png" in table.read_text()


@pytest.mark.parametrize("name", ["=cmd()", "+1.png", "-2.png", "@x.png"])
def test_a_spreadsheet_takes_no_name_for_a_formula(tmp_path, name):
    one = row(Frame(name, lambda: None), FACES[0][1], 0.0)
    table, listed, _ = written(tmp_path, [one])
    assert table.read_text().splitlines()[1].startswith(f"./{name}")
    assert json.loads(listed.read_text())[0]["file"] == name


def test_interrupted_nothing_is_left(tmp_path):
    (tmp_path / "out.csv").write_text("before")

    def rows():
        yield row(*FACES[0], 0.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, rows())
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "before"
