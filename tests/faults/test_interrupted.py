"""Ctrl-C and TERM while a command works: it ends, with nothing half done, nobody left."""

import signal
import time

import numpy as np
import polars as pl
import psutil
import pytest
from checkouts import CELL, CLASSES, Running, change, checkout, clfer, files, half, orphans
from recipes import recipe
from variants import CUT

from clfer.faces.preprocessing import View
from clfer.model import bundle
from clfer.model.bundle import card
from clfer.model.network import Network
from clfer.model.variant import Variant

pytestmark = pytest.mark.slow

ENDS = (signal.SIGINT, signal.SIGTERM)
LONG = 200  # epochs; nobody waits for them


@pytest.fixture
def folder(tmp_path):
    return checkout(tmp_path / "checkout", LONG)


def interrupt(folder, how, words, begun):
    """Send a signal to a command once `begun` finds that it is at work."""
    running = Running(folder, *words)
    running.wait(lambda: begun(running.process.pid))
    running.process.send_signal(how)
    assert running.end(90) == 128 + how, running.stderr
    assert "Traceback" not in running.stderr
    assert "rror" not in running.stderr
    until = time.monotonic() + 5
    while orphans(folder) and time.monotonic() < until:
        time.sleep(0.1)
    assert orphans(folder) == []
    assert half(folder) == []


def there(folder, pattern):
    return lambda pid: any(folder.glob(pattern))


def mapped(pid):
    """Whether a process looks at the faces."""
    return any(one.path.endswith("demo.npy") for one in psutil.Process(pid).memory_maps())


@pytest.mark.parametrize("how", ENDS)
def test_align_with_its_threads(how, folder):
    change(folder, source={"train": 500, "val": 40, "test": 40}, faces={"size": 256})
    for stage in ("download", "relabel"):
        assert clfer(folder, stage, "demo").returncode == 0
    before = files(folder, "data")
    interrupt(folder, how, ("align", "demo"), there(folder, ".scratch/*/0*.parquet"))
    assert files(folder, "data") == before
    assert list(folder.glob(".scratch/*/0*.parquet"))  # what is done is not done again


@pytest.mark.parametrize("how", ENDS)
def test_train(how, folder):
    interrupt(folder, how, ("train", *CELL), there(folder, ".scratch/*/state.pt"))
    assert not (folder / "runs").exists()
    assert len(list(folder.glob(".scratch/*/state.pt"))) == 1


@pytest.mark.parametrize("how", ENDS)
def test_evaluate(how, folder):
    many(folder)
    chosen = recipe(resize=68, crop=64)
    weights = Network("resnet10_quarter", "small", 3, Variant()).state_dict()
    about = {"recipe": chosen.model_dump(mode="json")}
    made = card(
        CLASSES, "resnet10_quarter", "small", Variant(), CUT, View(resize=68, crop=64), about
    )
    bundle.save(weights, made, folder / "runs/demo/ours/0/model.safetensors")
    interrupt(folder, how, ("evaluate", *CELL), mapped)
    assert not (folder / "results").exists()


def many(folder, times=500):
    """So many images that it takes minutes to look at them."""
    faces = np.load(folder / "data/faces/demo.npy")
    np.save(folder / "data/faces/demo.npy", np.concatenate([faces] * times))
    path = folder / "data/splits/demo.parquet"
    about, split = pl.read_parquet_metadata(path), pl.read_parquet(path)
    count = len(split)
    more = [
        split.with_columns(pl.col("row") + count * i, pl.col("face") + count * i)
        for i in range(times)
    ]
    kept = {key: about[key] for key in ("protocol", "evidence")}
    pl.concat(more).write_parquet(path, metadata=kept)


@pytest.mark.parametrize("how", ENDS)
def test_experiment(how, folder):
    words = ("experiment", "comparison", "--dataset", "demo")
    words += ("--variants", "baseline", "--seeds", "0")
    interrupt(folder, how, words, there(folder, "cells/demo/.unfinished/*/lock"))
    assert not (folder / "tables").exists()
