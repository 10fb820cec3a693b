"""Deterministic algorithms and threads: as the recipe says in training, and then as before; a
precision that the CPU lacks.
"""

import os
import platform
import subprocess
import sys
import warnings

import pytest
import torch
from checkouts import CELL, change, checkout, clfer, files
from closure import ROOT
from recipes import recipe
from tiny import digest, run, trained

from clfer.training.machine import WORKSPACE, autocast, repeatable, threads


def now():
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
    )


def test_deterministic_algorithms_are_used_inside_alone_whatever_happens(monkeypatch):
    monkeypatch.delenv(WORKSPACE, raising=False)
    before, seen = now(), []

    def broken():
        with repeatable(True):
            seen.append((*now(), os.environ[WORKSPACE]))
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert seen == [(True, True, False, ":4096:8")]
    assert now() == before
    with repeatable(False):
        assert now() == before


def test_on_a_cpu_they_change_nothing():
    plain, repeated = (trained(epochs=1, deterministic=wanted) for wanted in (False, True))
    assert digest(plain.trained.state_dict()) == digest(repeated.trained.state_dict())
    assert plain.history == repeated.history


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_two_runs_are_equal():
    one, other = (run(device="cuda", deterministic=True) for _ in range(2))
    assert digest(one.best) == digest(other.best)
    assert one.history == other.history


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not an x86 CPU")
def test_emulated_bfloat16_is_warned_of():
    """Of x86 CPUs, those without AVX-512."""
    lacks = "AVX512" not in torch.backends.cpu.get_cpu_capability()
    for device, precision, emulated in (
        ("cpu", "auto", False),
        ("cpu", "float32", False),
        ("cpu", "bfloat16", lacks),
        ("cuda", "bfloat16", False),
    ):
        with warnings.catch_warnings(record=True) as found:
            autocast(recipe(precision=precision), torch.device(device))
        assert any("train.precision" in str(one.message) for one in found) == emulated


def test_the_number_of_threads_is_the_recipes_and_comes_back():
    before = torch.get_num_threads()
    with threads(before + 1):
        assert torch.get_num_threads() == before + 1
    with pytest.raises(KeyError), threads(before + 2):
        raise KeyError
    assert torch.get_num_threads() == before
    with threads(None):
        assert torch.get_num_threads() == before


def test_the_machines_threads_change_no_byte_where_the_recipe_has_its_own(tmp_path):
    found = []
    for cores in ("1", "3"):
        folder = checkout(tmp_path / cores, epochs=1)
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
