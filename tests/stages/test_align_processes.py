"""`clfer align --processes 2` as people meet it: two real processes, and one of them in trouble."""

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import checkouts
import psutil
import pytest
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow

IMAGES = {"train": 200, "val": 40, "test": 40}
CHUNK = 16  # images of a record; two processes take turns
OF_LEADER = [f"{start:09}.parquet" for start in range(0, 280, 2 * CHUNK)]
OF_BOTH = [f"{start:09}.parquet" for start in range(0, 280, CHUNK)]
TWO = ("align", "demo", "--processes", "2")
FIRST = f".scratch/*/{CHUNK:09}.parquet"  # of the one that does not lead


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A checkout whose demo has labels, with small chunks; what one process makes of it."""
    folder = checkouts.checkout(tmp_path_factory.mktemp("made"))
    datasets = YAML(typ="safe", pure=True).load(folder / "params.yaml")["datasets"]
    datasets["demo"]["source"] |= IMAGES
    datasets["demo"]["faces"]["size"] = 256
    checkouts.change(folder, datasets=datasets)
    packing = folder / "clfer/faces/packing.py"
    text = packing.read_text()
    assert "CHUNK = 256" in text
    packing.write_text(text.replace("CHUNK = 256", f"CHUNK = {CHUNK}"))
    shutil.rmtree(folder / "data/faces")
    for stage in ("download", "relabel", "align"):
        done = checkouts.clfer(folder, stage, "demo")
        assert done.returncode == 0, done.stderr
    one = checkouts.files(folder, "data/faces")
    assert {*one} == {f"data/faces/demo.{kind}" for kind in ("npy", "parquet", "png")}
    shutil.rmtree(folder / "data/faces")
    return folder, one, done.stdout


@pytest.fixture
def checkout(made, tmp_path):
    folder, _, _ = made
    yield shutil.copytree(folder, tmp_path / "checkout")
    for left in checkouts.orphans(tmp_path):  # of a test that has failed, one of them halted
        left.kill()


def records(folder):
    return sorted(path.name for path in folder.glob(".scratch/*/0*.parquet"))


def waited(found, running):
    until = time.monotonic() + 120
    while not found():
        assert running.process.poll() is None, running.stderr
        assert time.monotonic() < until
        time.sleep(0.002)


def halted(folder, *words):
    """Two processes, of which the one that does not lead stands still, and the other has done its
    share.
    """
    running = checkouts.Running(folder, *words)
    waited(lambda: list(folder.glob(FIRST)), running)
    workers = psutil.Process(running.process.pid).children(recursive=True)
    follower = next(one for one in workers if one.environ().get("RANK") == "1")
    follower.suspend()
    waited(lambda: {*OF_LEADER} <= {*records(folder)}, running)
    return running, follower


def pending(process):
    """Whether a process that stands still has been sent a signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"ShdPnd:\s+(\w+)", status)[1], 16) > 0


def test_two_processes_make_the_bytes_of_one_and_one_of_them_speaks(made, checkout):
    _, one, told = made
    done = checkouts.clfer(checkout, *TWO)
    assert done.returncode == 0, done.stderr
    assert done.stdout == told
    assert done.stderr == ""
    assert checkouts.files(checkout, "data/faces") == one
    assert list(checkout.glob(".scratch/*")) == []


def test_torchrun_by_hand_makes_the_same(made, checkout):
    _, one, told = made
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "pipeline"]
    done = subprocess.run(
        [sys.executable, *torchrun, "align", "demo"],
        cwd=checkout,
        capture_output=True,
        text=True,
        env=checkouts.environment(checkout),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == told
    assert checkouts.files(checkout, "data/faces") == one


@pytest.mark.parametrize("processes", [1, 3])
def test_a_dead_process_ends_the_run_and_any_number_goes_on(processes, made, checkout):
    _, one, _ = made
    running, follower = halted(checkout, *TWO)
    workers = psutil.Process(running.process.pid).children(recursive=True)
    follower.kill()
    assert running.end() == 128 + signal.SIGKILL
    assert running.stderr == "error: one of 2 processes was killed (9)"
    assert not psutil.wait_procs(workers, timeout=20)[1]
    assert checkouts.half(checkout) == []
    assert not (checkout / "data/faces").exists()
    before = {path: path.stat().st_mtime_ns for path in checkout.glob(".scratch/*/0*.parquet")}
    assert {*OF_LEADER} <= {path.name for path in before}
    assert len(before) < len(OF_BOTH)
    again = checkouts.Running(checkout, "align", "demo", "--processes", processes)
    waited(lambda: records(checkout) == OF_BOTH or (checkout / "data/faces").exists(), again)
    kept = {path: path.stat().st_mtime_ns for path in before if path.exists()}
    assert kept.items() <= before.items()  # what is done is not done again
    assert again.end() == 0, again.stderr
    assert checkouts.files(checkout, "data/faces") == one
    assert list(checkout.glob(".scratch/*")) == []


def test_what_one_of_them_meets_is_said_by_it_alone_and_the_records_stay(made, checkout):
    _, one, _ = made
    running, follower = halted(checkout, *TWO)
    before = records(checkout)
    follower.rlimit(psutil.RLIMIT_FSIZE, (100, 100))
    follower.resume()
    assert running.end() == 1
    line = running.stderr
    assert line.startswith("error: .scratch/")
    assert line.count("\n") == 0
    assert "found a limit on the size of a file (ulimit -f); make room and run it again" in line
    assert records(checkout) == before
    assert checkouts.half(checkout) == []
    assert checkouts.orphans(checkout) == []
    assert checkouts.clfer(checkout, *TWO).returncode == 0
    assert checkouts.files(checkout, "data/faces") == one


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_them_all_in_silence(how, made, checkout):
    _, one, _ = made
    running, follower = halted(checkout, *TWO)
    running.process.send_signal(how)
    waited(lambda: pending(follower), running)
    follower.resume()
    assert running.end() == 128 + how
    assert running.stderr == ""
    assert checkouts.orphans(checkout) == []
    assert checkouts.half(checkout) == []
    assert checkouts.clfer(checkout, *TWO).returncode == 0
    assert checkouts.files(checkout, "data/faces") == one


def test_a_second_team_is_told_who_is_at_it(checkout):
    running, follower = halted(checkout, *TWO)
    done = checkouts.clfer(checkout, *TWO)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "is aligning demo; wait for it or stop it" in done.stderr
    follower.resume()
    assert running.end() == 0, running.stderr


def test_what_they_all_refuse_is_one_line(checkout):
    (checkout / "data/labels/demo.parquet").write_bytes(b"nothing")
    done = checkouts.clfer(checkout, *TWO)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "expected a table, found it damaged" in done.stderr


def test_processes_of_several_machines_are_refused(checkout):
    """One of two machines with two processes each, as torchrun tells them."""
    code = (
        "import os, sys, runpy; os.environ['LOCAL_WORLD_SIZE'] = '1'; "
        "sys.argv = ['pipeline', 'align', 'demo']; runpy.run_module('pipeline', alter_sys=True)"
    )
    (checkout / "machine.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "machine.py"],
        cwd=checkout,
        capture_output=True,
        text=True,
        env=checkouts.environment(checkout),
    )
    assert done.returncode != 0
    said = "error: align: expected processes of one machine, which write into one mapped file; "
    assert f"{said}found 2, 1 of them here; start it on one machine alone" in done.stderr
    assert list(checkout.glob(".scratch/*")) == []


def test_one_process_does_without_torch(checkout):
    code = (
        "import sys, runpy; sys.argv = ['pipeline', 'align', 'demo']\n"
        "try:\n    runpy.run_module('pipeline', alter_sys=True)\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        capture_output=True,
        text=True,
        env=checkouts.environment(checkout),
    )
    assert done.stdout.endswith("False\n"), done.stderr
    assert (checkout / "data/faces/demo.npy").exists()
