"""The benchmark: everyone in turn, medians of what was timed, one JSON document."""

import json
import subprocess
import sys
import time

import pytest
import torch
from checkouts import SMALL, refused
from closure import ROOT

from clfer.benchmark import WARMUP, input_times, medians, peak_memory
from clfer.model.variant import Variant
from clfer.progress import silent
from pipeline import cell

CPU = torch.device("cpu")


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.chdir(ROOT)
    return cell.paper({**SMALL, "resize": 72, "batch_size": 4})


def test_subjects_take_their_steps_in_turn_and_warming_up_does_not_count():
    taken = []

    def step(name, seconds):
        def sleep():
            taken.append(name)
            time.sleep(0.2 if len(taken) <= 2 * WARMUP else seconds)

        return sleep

    found = medians({"a": step("a", 0.001), "b": step("b", 0.02)}, 7, CPU, silent)
    assert taken == ["a", "b"] * (WARMUP + 7)
    assert 0.001 <= found["a"] < 0.02 <= found["b"] < 0.2


def test_the_input_pipeline_is_timed_beside_a_step(recipe):
    found = input_times(recipe, 7, CPU, silent)
    assert set(found) == {"step", "resident", "streamed"}
    assert 0 < found["resident"] < found["step"]


@pytest.mark.slow
def test_more_images_take_more_memory(recipe):
    few, many = (
        peak_memory(Variant(), recipe.model_copy(update={"batch_size": b}), CPU) for b in (2, 128)
    )
    assert 100 < few < many


@pytest.mark.slow
def test_the_command_prints_one_document():
    small = ("--size", "64", "--batch", "2", "--rounds", "7", "--backbone", "resnet10_quarter")
    words = [sys.executable, "-m", "pipeline", "benchmark", "--json", *small]
    found = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout)
    times = found["step_ms"]
    assert found["ratio"] == pytest.approx(times["ours"] / times["baseline"])
    assert {"baseline", "msr", "clbs", "clfm", "ours"} < set(times)
    assert set(found["input"]) == {"64", "112", "224"}
    assert found["setting"]["rounds"] == 7


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "100"), "train.crop: with the small stem expected a multiple of 16"),
        (("--precision", "float8"), "train.precision: "),
        (("--backbone", "resnet19"), "train.backbone: expected one of "),
    ],
)
def test_bad_values_are_one_line(words, message):
    assert message in refused(ROOT, "benchmark", *words)
