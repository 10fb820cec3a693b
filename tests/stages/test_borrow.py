"""params.yaml is lent to an experiment and comes back, however the experiment ends."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from closure import ROOT
from ruamel.yaml import YAML

from clfer.errors import InputError
from pipeline import borrow, params

HOLD = """
import sys, time
from pipeline.borrow import borrowed
with borrowed(["train.lr=0.002"]) as write:
    write({"run": {"datasets": ["demo"]}})
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.paths.BASE", tmp_path)
    params.everything.cache_clear()
    yield tmp_path
    params.everything.cache_clear()


def back(folder):
    """Whether params.yaml is the original again, with nothing left beside it."""
    left = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
    same = (folder / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
    return same and left == [folder / "params.yaml"]


def read(folder):
    return YAML(typ="safe").load(folder / "params.yaml")


def test_overrides_and_blocks_stand_in_it_meanwhile(folder):
    rows = {"baseline": {}, "new": {"msr": {"fd": 8}, "recipe": {"scarce_class": None}}}
    with borrow.borrowed(["train.lr=0.002", "run.seeds=[3]"]) as write:
        assert params.block("train", "lr") == 0.002
        assert params.block("run", "seeds") == [3]
        write({"variants": rows})
        assert params.block("variants") == rows
        assert read(folder)["variants"] == rows
        assert read(folder)["train"]["lr"] == 0.002
        assert (folder / "params.yaml").read_text().startswith(borrow.MARK)
    assert back(folder)
    assert params.block("train", "lr") == 0.001


@pytest.mark.parametrize("error", [InputError("no"), KeyboardInterrupt(), SystemExit(143)])
def test_it_comes_back_when_something_goes_wrong(folder, error):
    def fails():
        with borrow.borrowed([]) as write:
            write({"run": {}})
            raise error

    with pytest.raises(type(error)):
        fails()
    assert back(folder)


@pytest.mark.parametrize("override", ["train.lrr=1", "train.lr", "train.lr={"])
def test_an_override_that_is_none_is_one_line_and_changes_nothing(folder, override):
    message = r"-S: expected settings of params\.yaml"
    with pytest.raises(InputError, match=message) as caught, borrow.borrowed([override]):
        pass
    assert "\n" not in str(caught.value)
    assert back(folder)


def holding(folder):
    """A process that has borrowed params.yaml there."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "DVC_ROOT": str(folder)}
    running = subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=folder, env=environment, stdout=subprocess.PIPE
    )
    assert running.stdout.readline() == b"held\n"
    return running


def test_two_experiments_do_not_borrow_at_once_and_term_brings_it_back(folder):
    running = holding(folder)
    try:
        message = rf"\(pid {running.pid}\) is running an experiment"
        with pytest.raises(InputError, match=message), borrow.borrowed([]):
            pass
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(30) == 143
    assert back(folder)


def test_after_a_kill_the_next_one_brings_the_original_back(folder):
    running = holding(folder)
    running.kill()
    running.wait()
    assert read(folder)["train"]["lr"] == 0.002
    with borrow.borrowed([]):
        assert params.block("train", "lr") == 0.001
    assert back(folder)


def test_what_was_edited_by_hand_after_a_kill_is_kept(folder):
    running = holding(folder)
    running.kill()
    running.wait()
    text = (ROOT / "params.yaml").read_text().replace("  lr: 0.001", "  lr: 0.004")
    (folder / "params.yaml").write_text(text)
    with borrow.borrowed([]):
        assert params.block("train", "lr") == 0.004
    assert (folder / "params.yaml").read_text() == text


def test_a_running_stage_goes_down_with_the_experiment(folder):
    """The group of an interrupted command is ended, children included."""
    child = "import time; open('child', 'w').write('x'); time.sleep(60); open('late', 'w')"
    shell = subprocess.Popen(
        ["sh", "-c", f'{sys.executable} -c "{child}"; true'], cwd=folder, start_new_session=True
    )
    while not (folder / "child").exists():
        time.sleep(0.05)
    borrow._stop(shell)
    assert shell.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(shell.pid, 0)
