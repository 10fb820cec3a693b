"""Tables of faces, of which the three kinds say the same, and films; whole or not at all."""

import csv
import json
import os
import tempfile
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from clfer.inference.frames import Frame
from clfer.inference.output import film, row, tables
from clfer.inference.predictor import Face

CLASSES = ("happiness", "sad, ness", 'quo"te')
DETECTED = Face(dict(zip(CLASSES, (0.7, 0.2, 0.1), strict=True)), (1.5, 2.0, 30.25, 40.0), 0.875)
CROP = Face(dict(zip(CLASSES, (0.3, 0.4, 0.3), strict=True)))


def frame(name, number=None, seconds=None):
    return Frame(name, lambda: None, number, seconds)


def written(folder, rows):
    """The rows of the CSV, the JSON and the parquet file."""
    paths = [folder / f"out.{kind}" for kind in ("csv", "json", "parquet")]
    with tables(CLASSES, *paths) as write:
        for one in rows:
            write(one)
    assert len(list(folder.iterdir())) == 3
    with paths[0].open(newline="") as file:
        return list(csv.DictReader(file)), json.loads(paths[1].read_text()), paths[2]


def test_the_three_files_say_the_same(tmp_path):
    rows = [row(frame("a.png"), DETECTED, 0.5), row(frame("v.mp4", 7, 0.28), CROP, 0.5)]
    lines, listed, stored = written(tmp_path, rows)
    assert listed == [json.loads(json.dumps(one)) for one in rows]
    table = pl.read_parquet(stored).iter_rows(named=True)
    for one, line, given in zip(rows, lines, table, strict=True):
        assert list(line) == list(given)
        flat = {f"probability_{name}": chance for name, chance in one["probability"].items()}
        sides = [f"box_{side}" for side in ("left", "top", "width", "height")]
        flat |= dict(zip(sides, one["box"] or [None] * 4, strict=True))
        flat |= {key: one[key] for key in one if key not in ("box", "probability")}
        assert {key: value or None for key, value in line.items()} == {
            key: None if value is None else str(value) for key, value in flat.items()
        }
        assert given == pytest.approx(flat)
    assert [one["label"] for one in rows] == ["happiness", None]  # less probable than one half
    assert rows[1]["confidence"] == 0.4


def test_no_face_makes_files_without_rows(tmp_path):
    lines, listed, stored = written(tmp_path, [])
    assert lines == listed == []
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1
    assert pl.read_parquet(stored).shape == (0, 13)


def test_many_rows_come_back_in_order(tmp_path):
    rows = (row(frame("v", i, 0.0), CROP, 0.0) for i in range(9000))
    assert pl.read_parquet(written(tmp_path, rows)[2])["frame"].to_list() == list(range(9000))


NO_UTF_8 = b"caf\xe9.png".decode("utf-8", "surrogateescape")
FORMULAS = ("=cmd()", "+1.png", "-2.png", "@x.png")  # to a spreadsheet


@pytest.mark.parametrize(
    "name", ['a "quoted", name.png', "two\nlines.png", "null", "1.5", " a ", NO_UTF_8, *FORMULAS]
)
def test_any_name_comes_back_and_none_is_a_formula(tmp_path, name):
    lines, listed, stored = written(tmp_path, [row(frame(name), DETECTED, 0.0)])
    known = r"caf\udce9.png" if name == NO_UTF_8 else name
    assert pl.read_parquet(stored)["file"].to_list() == [known]
    assert listed[0]["file"] == known
    assert lines[0]["file"] == (f"./{name}" if name in FORMULAS else known)


def test_interrupted_nothing_is_left(tmp_path):
    (tmp_path / "out.csv").write_text("before")

    def rows():
        yield row(frame("a.png"), DETECTED, 0.0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        written(tmp_path, rows())
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    assert (tmp_path / "out.csv").read_text() == "before"


@pytest.mark.parametrize(
    ("rate", "stored"), [(25.0, 25), (30000 / 1001, Fraction(30000, 1001)), (0.00025, 0.00025)]
)
def test_a_film_is_one_that_browsers_play(tmp_path, rate, stored):
    """The frames have odd sides, and the last one others than the first."""
    shades = [*range(40, 220, 30), 128]
    with film(tmp_path / "a.mp4", rate) as add:
        for number, shade in enumerate(shades[:-1]):
            add(np.full((121, 163, 3), (shade, shade, 40), np.uint8), number / rate)
        add(np.full((60, 80, 3), (128, 128, 40), np.uint8), (len(shades) - 1) / rate)
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert float(stream.average_rate) == pytest.approx(float(stored))
        decoded = [one.to_ndarray(format="rgb24") for one in container.decode(stream)]
    assert [one.shape for one in decoded] == [(120, 162, 3)] * len(shades)
    for one, shade in zip(decoded, shades, strict=True):
        np.testing.assert_allclose(one.mean((0, 1)), (shade, shade, 40), atol=6)


def test_a_film_whose_frames_are_not_alike_and_one_whose_times_are_broken(tmp_path):
    """As of a browser's recorder, and of a damaged file."""
    for times, expected in (
        ([0.0, 0.04, 1.0, 1.04, 5.0], [0.0, 0.04, 1.0, 1.04, 5.0]),
        ([0.0, 2.0, 1.0, 1e9], [0.0, 2.0, 2.0, 20_002.0]),
    ):
        with film(tmp_path / "a.mp4", 25.0) as add:
            for seconds in times:
                add(np.zeros((48, 48, 3), np.uint8), seconds)
        with av.open(str(tmp_path / "a.mp4")) as container:
            assert container.duration / av.time_base == pytest.approx(expected[-1] + 0.04, abs=1e-3)
            found = [one.time for one in container.decode(video=0)]
        assert found == pytest.approx(expected, abs=1e-3)


def test_a_film_that_ends_badly_or_has_no_frame_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with film(path, 25.0):
        pass
    with suppress(KeyError), film(path, 25.0) as add:
        add(np.zeros((48, 48, 3), np.uint8), 0.0)
        raise KeyError
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("a.mp4", b"old")]


def test_what_a_killed_process_would_leave_lies_beside_the_file_and_goes(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    with tables(CLASSES, None, None, tmp_path / "out.parquet") as write:
        write(row(frame("a.png"), CROP, 0.0))
        assert not list(elsewhere.iterdir())
        (begun,) = tmp_path.glob(".out.*.parquet")
        (tmp_path / ".out.99999999.parquet").write_bytes(begun.read_bytes())
    with tables(CLASSES, None, None, tmp_path / "out.parquet"):
        assert len(list(tmp_path.glob(".out.*"))) == 1


def test_a_folder_whose_name_is_no_utf_8(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    *_, stored = written(folder, [row(frame("a.png"), DETECTED, 0.0)])
    with stored.open("rb") as file:
        assert pl.read_parquet(file)["file"].to_list() == ["a.png"]
    with film(folder / "a.mp4", 25.0) as add:
        add(np.zeros((48, 48, 3), np.uint8), 0.0)
    assert (folder / "a.mp4").stat().st_size
