"""params.yaml is edited while a stage runs: DVC shall not note new values for old paths."""

import shutil
import subprocess
import sys

import pytest
from checkouts import CELL, Running, change, checkout, environment, epochs
from closure import ROOT
from ruamel.yaml import YAML

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path):
    return checkout(tmp_path / "checkout", epochs=4)


def trained(folder, **settings):
    """A training during whose first epochs the parameters change."""
    running = Running(folder, "train", *CELL)
    assert running.until("^ +epoch +1 ")
    change(folder, **settings)
    return running.end(), running.stderr


def test_a_parameter_of_the_stage_is_named_and_the_stage_fails(folder):
    status, said = trained(folder, recipe={"lr": 0.004})
    assert status == 1
    assert said.splitlines()[-1].startswith(
        "error: params.yaml: datasets.demo.recipe.lr: expected it to stay as it was read, None; "
        "found 0.004 at the end"
    )
    assert "Traceback" not in said


def test_a_parameter_of_another_stage_may_change(folder):
    status, said = trained(folder, run={"datasets": ["demo"], "variants": ["cl"], "seeds": [7]})
    assert status == 0, said
    assert epochs(said) == [1, 2, 3, 4]


def test_dvc_notes_nothing_that_was_not_so(folder):
    """`dvc repro` on a stage whose parameter changes while it runs, put back and run again."""
    (folder / "stage.py").write_text(
        "import sys; sys.path.insert(0, '.'); from pipeline.params import block, check_unchanged\n"
        "import time, pathlib\n"
        "pathlib.Path('out').write_text(str(block('split', 'seed')))\n"
        "while not pathlib.Path('go').exists(): time.sleep(0.05)\n"
        "check_unchanged()\n"
    )
    (folder / "dvc.yaml").write_text(
        "stages:\n  one:\n    cmd: python stage.py\n    params: [split]\n    outs: [out]\n"
    )
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    with (folder / ".dvc/config").open("a") as file:
        file.write("    no_scm = true\n")
    repro = [sys.executable, "-m", "dvc", "repro"]

    def run(changing):
        with subprocess.Popen(
            repro, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, text=True
        ) as running:
            for line in running.stdout:
                if line.startswith("> python") and changing:
                    while not (folder / "out").exists():
                        assert running.poll() is None
                    change(folder, split={"seed": 5, "val_fraction": 0.1, "duplicates": "drop"})
                if line.startswith("> python"):
                    (folder / "go").touch()
            return running.wait(60)

    assert run(changing=True) != 0
    assert not (folder / "dvc.lock").exists()
    assert run(changing=False) == 0
    assert (folder / "out").read_text() == "5"
    locked = YAML(typ="safe").load(folder / "dvc.lock")["stages"]["one"]["params"]
    assert locked["params.yaml"]["split"]["seed"] == 5
