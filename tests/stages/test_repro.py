"""The pipeline under DVC: what runs when something changes, and that it repeats itself exactly."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import SMALL_DEMO, edit, files
from closure import ROOT

pytestmark = pytest.mark.slow
LAST = "significance"


def run(folder, *command):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ran(output):
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small demo grid, reproduced once, in a repository of its own."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("clfer", "pipeline", ".dvc"):
        ignored = shutil.ignore_patterns("__pycache__", "cache", "tmp")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in (".dvcignore", ".gitignore", "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    edit(folder, *SMALL_DEMO)
    run(folder, "git", "init", "-q")
    run(folder, "git", "config", "user.email", "test@example.org")
    run(folder, "git", "config", "user.name", "test")
    run(folder, "dvc", "repro")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "reproduced")
    return folder


def test_nothing_changed_and_nothing_runs(project):
    assert ran(run(project, "dvc", "repro")) == []


def test_the_same_seed_gives_the_same_bytes(project):
    before = files(project, "runs", "results", "metrics")
    assert len(before) > 8
    run(project, "dvc", "repro", "-f", "-s", "train@demo-ours-0", "evaluate@demo-ours-0")
    assert files(project, "runs", "results", "metrics") == before


@pytest.fixture
def experiment(project):
    """A function that runs the chain with one setting and tells which stages ran."""
    yield lambda setting: sorted(ran(run(project, "dvc", "exp", "run", "-S", setting)))
    run(project, "git", "checkout", "-q", ".")
    run(project, "dvc", "checkout")


def cells(seed):
    names = [f"demo-{variant}-{seed}" for variant in ("baseline", "ours")]
    return sorted([*(f"{s}@{name}" for s in ("train", "evaluate") for name in names), LAST])


def test_a_training_parameter_runs_training_and_what_follows(project, experiment):
    assert experiment("train.lr=0.002") == cells(0)
    assert "0.002" in run(project, "dvc", "exp", "show", "--md")


def test_a_setting_of_a_variant_trains_that_variant_alone(experiment):
    found = experiment("variants.ours.clfm.hash=hard")
    assert [name for name in found if "baseline" in name] == []
    assert "train@demo-ours-0" in found


def test_a_parameter_of_significance_runs_significance_alone(experiment):
    assert experiment("significance.alpha=0.1") == [LAST]


def test_one_more_seed_trains_that_seed_alone_and_one_less_is_forgotten(project, experiment):
    def seeds():
        summary = json.loads((project / "metrics/summary.json").read_text())
        return summary["datasets"]["demo"]["variants"]["ours"]["seeds"]

    assert experiment("run.seeds=[0,1]") == cells(1)
    assert seeds() == [0, 1]
    experiment("run.seeds=[1]")
    assert seeds() == [1]


def test_metrics_and_plots_are_shown(project):
    shown = json.loads(run(project, "dvc", "metrics", "show", "--json"))
    accuracy = shown[""]["data"]["metrics/accuracy.json"]["data"]["demo"]["accuracy"]
    assert set(accuracy) == {"baseline", "ours"}
    run(project, "dvc", "plots", "show")
    page = (project / "dvc_plots/index.html").read_text()
    assert "validation accuracy" in page
    assert "predicted" in page
