"""The switch for training that repeats: on while it trains, and back as it was."""

import os

import pytest
import torch
from tiny import digest, run

from clfer.training.machine import WORKSPACE, repeatable


def now():
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        torch.backends.cudnn.benchmark,
    )


def test_it_is_on_inside_and_back_outside_whatever_happens(monkeypatch):
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


def test_on_a_cpu_it_changes_nothing(tmp_path):
    plain, repeated = (
        run(tmp_path / str(wanted), epochs=1, deterministic=wanted) for wanted in (False, True)
    )
    assert digest(plain.trained.state_dict()) == digest(repeated.trained.state_dict())
    assert plain.history == repeated.history


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_on_a_gpu_two_runs_are_equal(tmp_path):
    one, other = (
        run(tmp_path / name, device="cuda", epochs=2, deterministic=True) for name in "ab"
    )
    assert digest(one.best) == digest(other.best)
    assert one.history == other.history
