"""Work in shards: joined it is the work of one run, whatever was killed, and in whatever order."""

import random
import time

import numpy as np
import polars as pl
import pytest
from checkouts import Running, checkout, done, edit, here, refused
from closure import ROOT
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from polars.testing import assert_frame_equal

from clfer.errors import InputError
from pipeline.shards import Shard, complete, parsed, place


@given(st.integers(0, 1000), st.integers(1, 40))
def test_parts_are_all_of_it_and_of_one_size(total, of):
    parts = [Shard(number, of).part(total) for number in range(1, of + 1)]
    assert [one for part in parts for one in part] == [*range(total)]
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/", "a/b", "-1/2", "1/0", "1/9999999"])
def test_what_is_no_shard_is_said(text):
    with pytest.raises(InputError, match="--shard: expected I/N"):
        parsed(text)
    assert parsed("3/8") == Shard(3, 8)


def test_missing_shards_and_those_of_other_work_are_named(tmp_path):
    assert complete(tmp_path, "ab", ".x", "clfer it") == []
    for number in (1, 3, 4):
        place(tmp_path, "ab", Shard(number, 5), ".x").touch()
    with pytest.raises(
        InputError, match="missing 2: 2/5, 5/5; make each by `clfer it --shard 2/5`"
    ):
        complete(tmp_path, "ab", ".x", "clfer it")
    with pytest.raises(InputError, match="found those of others"):
        complete(tmp_path, "cd", ".x", "clfer it")
    for number in (2, 5):
        place(tmp_path, "ab", Shard(number, 5), ".x").touch()
    found = complete(tmp_path, "ab", ".x", "clfer it")
    assert found == [place(tmp_path, "ab", Shard(number, 5), ".x") for number in range(1, 6)]
    place(tmp_path, "ab", Shard(1, 2), ".x").touch()
    with pytest.raises(InputError, match="some of 2 and 5"):
        complete(tmp_path, "ab", ".x", "clfer it")


def run(place, *words, status=0):
    done = here(place, "predict", "--no-detect", *words)
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def killed(place, *words, after):
    """A command that is killed so many seconds after its start."""
    running = Running(place, *words, PYTHONPATH=str(ROOT))
    time.sleep(after)
    running.process.kill()
    running.process.wait()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(60):
        content = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(content).save(folder / f"{number:02}.png")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_predictions_are_those_of_one_run_whatever_was_killed(pictures, tmp_path):
    run(tmp_path, pictures, "--parquet", tmp_path / "one.parquet")
    run(tmp_path, pictures, "--shard", "1/1", "--to", tmp_path / "one")
    run(tmp_path, pictures, "--to", tmp_path / "one")
    expected = (tmp_path / "one/faces.parquet").read_bytes()
    assert_frame_equal(pl.read_parquet(expected), pl.read_parquet(tmp_path / "one.parquet"))
    chance, to = random.Random(0), tmp_path / "four"
    for number in (3, 1, 4, 2):
        words = (pictures, "--shard", f"{number}/4", "--to", to)
        killed(tmp_path, "predict", "--no-detect", *words, after=chance.uniform(0.2, 1.5))
        if number == 1:
            words = (*sorted(pictures.iterdir(), reverse=True), *words[1:])  # in another order
        run(tmp_path, *words)
        assert "already there" in run(tmp_path, *words)
        if number != 2:
            assert "expected 4 shards, missing" in run(tmp_path, pictures, "--to", to, status=1)
    run(tmp_path, pictures, "--to", to)
    assert (to / "faces.parquet").read_bytes() == expected
    assert len(list(to.iterdir())) == 5  # and nothing half-written
    said = run(tmp_path, pictures, "--min-confidence", "0.5", "--to", to, status=1)
    assert "found those of others" in said
    assert "expected --to DIR" in run(tmp_path, pictures, "--shard", "1/2", status=1)


def test_alignment_is_that_of_one_run_whatever_was_killed(tmp_path):
    checkout(tmp_path)
    edit(tmp_path, ("train: 1000", "train: 700"))
    for stage in ("download", "relabel", "align"):
        done(tmp_path, stage, "demo")
    kept = ("data/faces/demo.npy", "data/faces/demo.parquet", "data/faces/demo.png")
    expected = {name: (tmp_path / name).read_bytes() for name in kept}
    for name in kept:
        (tmp_path / name).unlink()
    chance = random.Random(1)
    for number in (2, 3, 1):
        if number != 2:
            assert "expected 3 shards, missing" in refused(tmp_path, "align", "demo")
        words = ("align", "demo", "--shard", f"{number}/3")
        killed(tmp_path, *words, after=chance.uniform(0.5, 2.5))
        done(tmp_path, *words)
        assert "already there" in done(tmp_path, *words)
    done(tmp_path, "align", "demo")
    assert {name: (tmp_path / name).read_bytes() for name in kept} == expected
    assert not (tmp_path / "data/faces/demo-shards").exists()
