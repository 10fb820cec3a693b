"""`clfer train --processes 2` and `clfer evaluate --processes 2` as people meet them."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time

import checkouts
import numpy as np
import polars as pl
import psutil
import pytest


@pytest.fixture
def checkout(tmp_path):
    return change_batch(checkouts.checkout(tmp_path, epochs=3), 8)


def change_batch(folder, size):
    checkouts.change(folder, recipe={"batch_size": size})
    return folder


def begun(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )


def ended(running):
    said = running.communicate(timeout=300)
    return running.returncode, *said


def digests(folder):
    files = (folder / "runs/demo/ours/0" / name for name in ("model.safetensors", "history.csv"))
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


TRAIN = ("train", "demo", "ours", "0", "--processes", "2")


@pytest.mark.slow
def test_one_model_is_trained_and_scored_and_said_once(checkout):
    status, out, err = ended(begun(checkout, *TRAIN))
    assert status == 0, err
    assert err.count("train demo ours seed 0 on cpu, 2 processes") == 1
    assert err.count("epoch   3") == 1
    assert out.count("24 images, 3 epochs of resnet10_quarter") == 1
    history = pl.read_csv(checkout / "runs/demo/ours/0/history.csv")
    assert history["epoch"].to_list() == [1, 2, 3]
    assert not any((checkout / ".scratch").iterdir())
    predictions = []
    for several in ((), ("--processes", "2")):
        status, out, err = ended(begun(checkout, "evaluate", "demo", "ours", "0", *several))
        assert status == 0, err
        assert out.count("accuracy") == 1
        predictions.append(pl.read_parquet(checkout / "results/demo/ours/0/predictions.parquet"))
    assert len(predictions[0]) == 24
    assert predictions[0].drop("probability").equals(predictions[1].drop("probability"))
    one, two = (found["probability"].to_numpy() for found in predictions)
    np.testing.assert_allclose(one, two, atol=1e-6)


@pytest.mark.slow
def test_a_dead_process_ends_the_run_and_the_state_goes_on(checkout):
    through = checkout / "through"
    shutil.copytree(checkout, through, ignore=shutil.ignore_patterns("through"))
    assert ended(begun(through, *TRAIN))[0] == 0
    running = begun(checkout, *TRAIN)
    state = ".scratch/*/state.pt"
    while not list(checkout.glob(state)) and running.poll() is None:
        time.sleep(0.05)
    workers = psutil.Process(running.pid).children(recursive=True)
    follower = next(w for w in workers if w.environ().get("RANK") == "1")
    os.kill(follower.pid, signal.SIGKILL)
    status, _, err = ended(running)
    assert status == 128 + signal.SIGKILL
    assert "error: one of 2 processes was killed (9)" in err
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert list(checkout.glob(state))
    assert not (checkout / "runs").exists()
    status, _, err = ended(begun(checkout, *TRAIN))
    assert status == 0, err
    assert "epoch   1" not in err
    assert digests(checkout) == digests(through)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_them_all_in_silence(checkout, how):
    checkouts.change(checkout, recipe={"epochs": 200})
    running = checkouts.Running(checkout, *TRAIN)
    assert running.until("^ +epoch +2 ")
    running.process.send_signal(how)
    assert running.end() == 128 + how
    said = [line for line in running.stderr.splitlines() if "epoch" not in line]
    assert said == ["train demo ours seed 0 on cpu, 2 processes"]
    assert checkouts.orphans(checkout) == []
    assert checkouts.half(checkout) == []
    assert list(checkout.glob(".scratch/*/state.pt"))


@pytest.mark.slow
def test_what_several_processes_refuse_is_one_line(checkout):
    change_batch(checkout, 9)
    status, _, err = ended(begun(checkout, *TRAIN))
    assert status == 1
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert errors == [
        "error: train.batch_size: expected a multiple of 2, so that each process has the same "
        "share of a batch; found 9"
    ]
    assert "Traceback" not in err
