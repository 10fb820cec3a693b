"""`clfer align`, `train` and `evaluate` by two real processes, and one of them in trouble."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import checkouts
import numpy as np
import polars as pl
import psutil
import pytest
from checkouts import clfer

pytestmark = pytest.mark.slow

IMAGES = {"train": 200, "val": 40, "test": 40}
CHUNK = 16  # images of a record; two processes take turns
OF_LEADER = [f"{start:09}.parquet" for start in range(0, 280, 2 * CHUNK)]
OF_BOTH = [f"{start:09}.parquet" for start in range(0, 280, CHUNK)]
OF_FOLLOWER = f".scratch/*/{CHUNK:09}.parquet"
STATE = ".scratch/*/state.pt"
ALIGN = ("align", "demo", "--processes", "2")
TRAIN = ("train", "demo", "ours", "0", "--processes", "2")
INTERRUPTS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    """A checkout whose demo has labels and small chunks; faces and output of one process."""
    folder = checkouts.checkout(tmp_path_factory.mktemp("aligned"))
    checkouts.change(folder, source=IMAGES, faces={"size": 256})
    packing = folder / "clfer/faces/packing.py"
    text = packing.read_text()
    assert "CHUNK = 256" in text
    packing.write_text(text.replace("CHUNK = 256", f"CHUNK = {CHUNK}"))
    shutil.rmtree(folder / "data/faces")
    for stage in ("download", "relabel", "align"):
        done = clfer(folder, stage, "demo")
        assert done.returncode == 0, done.stderr
    faces = checkouts.files(folder, "data/faces")
    assert {*faces} == {f"data/faces/demo.{kind}" for kind in ("npy", "parquet", "png")}
    shutil.rmtree(folder / "data/faces")
    return folder, faces, done.stdout


@pytest.fixture
def checkout(aligned, tmp_path):
    yield shutil.copytree(aligned[0], tmp_path / "checkout")
    for left in checkouts.orphans(tmp_path):  # of a test that failed, one of them suspended
        left.kill()


@pytest.fixture
def untrained(tmp_path):
    folder = checkouts.checkout(tmp_path / "untrained", epochs=3)
    checkouts.change(folder, recipe={"batch_size": 8})
    return folder


def workers(running):
    """Both processes, and the one that does not lead."""
    found = psutil.Process(running.process.pid).children(recursive=True)
    return found, next(one for one in found if one.environ().get("RANK") == "1")


def records(folder):
    return sorted(path.name for path in folder.glob(".scratch/*/0*.parquet"))


def suspended(folder):
    """Two processes that align, the follower suspended, the leader done with its share."""
    running = checkouts.Running(folder, *ALIGN)
    running.wait(lambda: list(folder.glob(OF_FOLLOWER)))
    _, follower = workers(running)
    follower.suspend()
    running.wait(lambda: {*OF_LEADER} <= {*records(folder)})
    return running, follower


def pending(process):
    """Whether a suspended process was sent a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"ShdPnd:\s+(\w+)", status)[1], 16) > 0


def by_torchrun(folder, *words):
    return subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=checkouts.environment(folder),
    )


def test_two_processes_make_the_bytes_of_one_and_one_of_them_speaks(aligned, checkout):
    _, faces, printed = aligned
    for run in (
        lambda: clfer(checkout, *ALIGN),
        lambda: by_torchrun(checkout, "-m", "pipeline", "align", "demo"),
    ):
        done = run()
        assert done.returncode == 0, done.stderr
        assert done.stdout == printed
        assert checkouts.files(checkout, "data/faces") == faces
        assert list(checkout.glob(".scratch/*")) == []
        shutil.rmtree(checkout / "data/faces")


@pytest.mark.parametrize("processes", [1, 3])
def test_a_dead_process_ends_the_run_and_any_number_goes_on(processes, aligned, checkout):
    running, follower = suspended(checkout)
    both, _ = workers(running)
    follower.kill()
    assert running.end() == 128 + signal.SIGKILL
    assert running.stderr == "error: one of 2 processes was killed (9)"
    assert not psutil.wait_procs(both, timeout=20)[1]
    assert checkouts.half(checkout) == []
    assert not (checkout / "data/faces").exists()
    before = {path: path.stat().st_mtime_ns for path in checkout.glob(".scratch/*/0*.parquet")}
    assert {*OF_LEADER} <= {path.name for path in before}
    assert len(before) < len(OF_BOTH)
    again = checkouts.Running(checkout, "align", "demo", "--processes", processes)
    again.wait(lambda: records(checkout) == OF_BOTH or (checkout / "data/faces").exists())
    kept = {path: path.stat().st_mtime_ns for path in before if path.exists()}
    assert kept.items() <= before.items()  # what is done is not done again
    assert again.end() == 0, again.stderr
    assert checkouts.files(checkout, "data/faces") == aligned[1]
    assert list(checkout.glob(".scratch/*")) == []


def test_the_process_that_fails_alone_says_why_and_the_records_stay(aligned, checkout):
    running, follower = suspended(checkout)
    before = records(checkout)
    follower.rlimit(psutil.RLIMIT_FSIZE, (100, 100))
    follower.resume()
    assert running.end() == 1
    assert running.stderr.startswith("error: .scratch/")
    assert running.stderr.count("\n") == 0
    limit = "found a limit on the size of a file (ulimit -f); make room and run it again"
    assert limit in running.stderr
    assert records(checkout) == before
    assert checkouts.half(checkout) == checkouts.orphans(checkout) == []
    assert clfer(checkout, *ALIGN).returncode == 0
    assert checkouts.files(checkout, "data/faces") == aligned[1]


@pytest.mark.parametrize("how", INTERRUPTS)
def test_interrupted_align_ends_them_all_in_silence(how, aligned, checkout):
    running, follower = suspended(checkout)
    running.process.send_signal(how)
    running.wait(lambda: pending(follower))
    follower.resume()
    assert running.end() == 128 + how
    assert running.stderr == ""
    assert checkouts.half(checkout) == checkouts.orphans(checkout) == []
    assert clfer(checkout, *ALIGN).returncode == 0
    assert checkouts.files(checkout, "data/faces") == aligned[1]


def test_a_second_run_names_the_first(checkout):
    running, follower = suspended(checkout)
    done = clfer(checkout, *ALIGN)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is aligning demo; wait for it or stop it" in done.stderr
    follower.resume()
    assert running.end() == 0, running.stderr


def test_processes_of_several_machines_are_refused(checkout):
    """One of two machines with two processes each, as torchrun describes them."""
    code = (
        "import os, sys, runpy; os.environ['LOCAL_WORLD_SIZE'] = '1'; "
        "sys.argv = ['pipeline', 'align', 'demo']; runpy.run_module('pipeline', alter_sys=True)"
    )
    (checkout / "machine.py").write_text(code)
    done = by_torchrun(checkout, "machine.py")
    assert done.returncode != 0
    line = "error: align: expected processes of one machine, which write into one mapped file; "
    assert f"{line}found 2, 1 of them here; start it on one machine alone" in done.stderr
    assert list(checkout.glob(".scratch/*")) == []


def test_one_process_does_without_torch(checkout):
    code = (
        "import sys, runpy; sys.argv = ['pipeline', 'align', 'demo']\n"
        "try:\n    runpy.run_module('pipeline', alter_sys=True)\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    env = checkouts.environment(checkout)
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, env=env)
    assert done.stdout.endswith(b"False\n"), done.stderr
    assert (checkout / "data/faces/demo.npy").exists()


def test_one_model_is_trained_and_scored_and_reported_once(untrained):
    done = clfer(untrained, *TRAIN)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("train demo ours seed 0 on cpu, 2 processes") == 1
    assert done.stderr.count("epoch   3") == 1
    assert done.stdout.count("24 images, 3 epochs of resnet10_quarter") == 1
    history = pl.read_csv(untrained / "runs/demo/ours/0/history.csv")
    assert history["epoch"].to_list() == [1, 2, 3]
    assert not any((untrained / ".scratch").iterdir())
    predictions = []
    for several in ((), ("--processes", "2")):
        done = clfer(untrained, "evaluate", "demo", "ours", "0", *several)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("accuracy") == 1
        predictions.append(pl.read_parquet(untrained / "results/demo/ours/0/predictions.parquet"))
    assert len(predictions[0]) == 24
    assert predictions[0].drop("probability").equals(predictions[1].drop("probability"))
    one, two = (found["probability"].to_numpy() for found in predictions)
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_a_dead_process_ends_the_training_and_the_state_goes_on(untrained, tmp_path):
    through = shutil.copytree(untrained, tmp_path / "through")
    assert clfer(through, *TRAIN).returncode == 0
    running = checkouts.Running(untrained, *TRAIN)
    running.wait(lambda: list(untrained.glob(STATE)))
    both, follower = workers(running)
    follower.kill()
    assert running.end() == 128 + signal.SIGKILL
    assert "error: one of 2 processes was killed (9)" in running.stderr
    assert not psutil.wait_procs(both, timeout=20)[1]
    assert list(untrained.glob(STATE))
    assert not (untrained / "runs").exists()
    done = clfer(untrained, *TRAIN)
    assert done.returncode == 0, done.stderr
    assert "epoch   1" not in done.stderr
    for name in ("model.safetensors", "history.csv"):
        one, two = (folder / "runs/demo/ours/0" / name for folder in (untrained, through))
        assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("how", INTERRUPTS)
def test_interrupted_training_ends_them_all_in_silence(how, untrained):
    checkouts.change(untrained, recipe={"epochs": 200})
    running = checkouts.Running(untrained, *TRAIN)
    assert running.until("^ +epoch +2 ")
    running.process.send_signal(how)
    assert running.end() == 128 + how
    lines = [line for line in running.stderr.splitlines() if "epoch" not in line]
    assert lines == ["train demo ours seed 0 on cpu, 2 processes"]
    assert checkouts.half(untrained) == checkouts.orphans(untrained) == []
    assert list(untrained.glob(STATE))


def test_what_all_processes_refuse_is_one_line(untrained, checkout):
    checkouts.change(untrained, recipe={"batch_size": 9})
    (checkout / "data/labels/demo.parquet").write_bytes(b"nothing")
    for folder, words, message in (
        (untrained, TRAIN, "train.batch_size: expected a multiple of 2"),
        (checkout, ALIGN, "expected a table, found it damaged"),
    ):
        done = clfer(folder, *words)
        assert done.returncode == 1
        (line,) = [line for line in done.stderr.splitlines() if "epoch" not in line][-1:]
        assert line.startswith("error: ")
        assert message in line
        assert done.stderr.count("error: ") == 1
        assert "Traceback" not in done.stderr
