"""A training that is killed, whenever, goes on and ends with the same bytes."""

import hashlib
import random
import re
import shutil
import signal
import time

import numpy as np
import pytest
from checkouts import CELL, Running, checkout, clfer, epochs, files, half, orphans

pytestmark = pytest.mark.slow

RUNS = 20
SEVERAL = 5  # every so many runs is killed three times
EPOCHS = 10
BEGUN = "^train demo ours"


def digests(folder):
    found = files(folder, "runs/demo/ours/0")
    return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


@pytest.fixture(scope="module")
def through(tmp_path_factory):
    """A checkout, what a run that nobody kills writes there, and how long an epoch takes."""
    folder = checkout(tmp_path_factory.mktemp("through"), EPOCHS)
    running = Running(folder, "train", *CELL)
    assert running.until(BEGUN)
    started = time.monotonic()
    assert running.end() == 0, running.stderr
    taken = (time.monotonic() - started) / EPOCHS
    expected = digests(folder)
    assert {"runs/demo/ours/0/model.safetensors", "runs/demo/ours/0/history.csv"} <= set(expected)
    shutil.rmtree(folder / "runs")
    return folder, expected, taken


def killed(folder, epoch, after, how):
    """Kill a run some time after an epoch, or later if it goes on from there; whether it had not
    ended before. (By the clock alone it would have, where other work slowed the first run down.)
    """
    running = Running(folder, "train", *CELL)
    later = "|".join(map(str, range(epoch, EPOCHS + 1)))
    running.until(f"^ +epoch +({later}) " if epoch else BEGUN)
    time.sleep(after)
    running.process.send_signal(how)
    status = running.end()
    assert "Traceback" not in running.stderr
    assert status in (0, 128 + how)
    if how == signal.SIGTERM:
        assert half(folder) == []
        assert list(folder.glob(".scratch/*/.*")) == []
    return status != 0


def test_killed_at_random_moments_it_ends_with_the_same_bytes(through):
    folder, expected, taken = through
    moments = random.Random(0)
    met, resumed = 0, 0
    for number in range(RUNS):
        shutil.rmtree(folder / "runs", ignore_errors=True)
        for turn in range(3 if number % SEVERAL == SEVERAL - 1 else 1):
            how = (signal.SIGKILL, signal.SIGTERM)[(number + turn) % 2]
            met += killed(folder, moments.randrange(EPOCHS), moments.uniform(0, taken), how)
        done = clfer(folder, "train", *CELL)
        assert done.returncode == 0, done.stderr
        resumed += 1 not in epochs(done.stderr)
        assert digests(folder) == expected, number
        assert half(folder) == []
        assert list(folder.glob(".scratch/*")) == []
        assert orphans(folder) == []
    # else the moments were not those of a run; how many fall before its first state depends
    # on the machine
    assert met > RUNS / 2
    assert resumed > RUNS / 5


def first_epoch(folder):
    """The epoch with which the next run begins."""
    running = Running(folder, "train", *CELL)
    assert running.until("^ +epoch"), running.stderr
    running.process.terminate()
    running.end()
    return epochs(running.stderr)[0]


def test_a_state_is_that_of_the_same_faces_or_it_is_not_taken(through, tmp_path):
    folder = shutil.copytree(through[0], tmp_path / "changed")
    running = Running(folder, "train", *CELL)
    assert running.until("^ +epoch +2 ")
    running.process.kill()
    assert running.end() == 137
    assert first_epoch(folder) > 1
    path = folder / "data/faces/demo.npy"
    faces = np.load(path)
    faces[0, 0, 0, 0] ^= 1
    np.save(path, faces)
    assert len(list(folder.glob(".scratch/*/state.pt"))) == 1
    assert first_epoch(folder) == 1


def test_of_two_trainers_of_one_run_the_second_says_who_holds_it(through):
    folder, expected, _ = through
    shutil.rmtree(folder / "runs", ignore_errors=True)
    first = Running(folder, "train", *CELL)
    assert first.until("^ +epoch +1 ")
    first.process.send_signal(signal.SIGSTOP)  # it shall still be there when the second comes
    second = clfer(folder, "train", *CELL, "--fresh")
    assert len(list(folder.glob(".scratch/*/state.pt"))) == 1
    first.process.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    said = [line for line in second.stderr.splitlines() if not re.match(BEGUN, line)]
    assert said == [
        f"error: another process (pid {first.process.pid}) is training this very run; "
        "wait for it or stop it"
    ]
    assert first.end() == 0, first.stderr
    assert digests(folder) == expected
    assert list(folder.glob(".scratch/*")) == []
