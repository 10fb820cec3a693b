"""Threads of a CPU: as many as the recipe says, on every machine, and none that waits on a core."""

import subprocess
import sys

import pytest
import torch
from checkouts import CELL, change, checkout, clfer, files
from closure import ROOT

from clfer.training.machine import threads


def test_the_number_of_threads_is_the_recipes_and_comes_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with threads(None):
        assert torch.get_num_threads() == before
    with pytest.raises(KeyError), threads(before + 2):
        raise KeyError
    assert torch.get_num_threads() == before


def test_the_machines_threads_change_no_byte_where_the_recipe_has_its_own(tmp_path):
    found = []
    for cores in ("1", "3"):
        folder = checkout(tmp_path / cores)
        change(folder, recipe={"threads": 1})  # as the demo
        done = clfer(folder, "train", *CELL, OMP_NUM_THREADS=cores)
        assert done.returncode == 0, done.stderr
        found.append(files(folder, "runs"))
    assert len(found[0]) == 3
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "PASSIVE 1000"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None")],
)
def test_waiting_threads_give_up_their_core_unless_the_user_chose(given, expected):
    asked = "import clfer, os; print(*map(os.environ.get, ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT')))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, env=given, capture_output=True, text=True
    )
    assert done.stdout.strip() == expected
