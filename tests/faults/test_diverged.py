"""A loss that is no number ends the run and leaves the last good state."""

import re

import pytest
import torch
from checkouts import CELL, change, checkout, clfer, epochs, half

pytestmark = pytest.mark.slow

# each step multiplies the weights by about -1000: they overflow after some epochs of two steps
GROWING = {
    "optimizer": "sgd",
    "lr": 1000.0,
    "weight_decay": 1.0,
    "schedule": "exponential",
    "decay": 1.0,
}


def test_it_names_epoch_and_step_and_keeps_the_last_good_state(tmp_path):
    folder = checkout(tmp_path / "checkout", epochs=20)
    change(folder, recipe=GROWING)
    done = clfer(folder, "train", *CELL)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    found = re.fullmatch(
        r"error: training: the loss is not a number from epoch (\d+), step (\d+) on; .*", last
    )
    assert found, done.stderr
    good = int(found[1]) - 1
    assert good >= 1
    assert epochs(done.stderr) == list(range(1, good + 1))
    (state,) = folder.glob(".scratch/*/state.pt")
    saved = torch.load(state, weights_only=True)
    assert [row["epoch"] for row in saved["history"]] == list(range(1, good + 1))
    assert all(value.isfinite().all() for value in saved["trained"].values())
    assert not (folder / "runs").exists()
    assert half(folder) == []
    again = clfer(folder, "train", *CELL)
    assert again.returncode == 1
    assert again.stderr.splitlines()[-1] == last
    assert epochs(again.stderr) == []
