"""The command line as a shell meets it: help, completion, exit status."""

import importlib
import inspect
import os
import subprocess
import sys
import time
from typing import get_args

import pytest
from checkouts import Running, checkout, clfer, environment, half
from closure import ROOT
from ruamel.yaml import YAML

from pipeline.app import STAGES, TOOLS
from pipeline.outline import outline

PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
COMMANDS = [*STAGES, *TOOLS]
SHELLS = ("bash", "zsh", "fish")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return checkout(tmp_path_factory.mktemp("shell") / "checkout")


def signature(function):
    """All that typer is told of a function, but for what only a shell asks."""
    found = []
    for name, one in inspect.signature(function).parameters.items():
        kind, *told = get_args(one.annotation)
        words = [{**vars(info), "autocompletion": None} for info in told]
        found.append((name, one.default, kind, [type(info) for info in told], words))
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_an_outline_is_the_signature_of_the_command(name):
    real = getattr(importlib.import_module(f"pipeline.{name}"), name)
    try:
        shape = outline(name)
    except NameError:
        assert name == "report"  # then the module itself is asked; torch is not behind this one
        return
    assert shape.__doc__ == real.__doc__
    assert signature(shape) == signature(real)
    assert shape(*["anything"] * shape.__code__.co_argcount) is None


def complete(where, words, shell="bash", code="from pipeline.app import main; main()"):
    """What a shell would offer for the last of the words, by what its script asks."""
    asked = {
        "_CLFER_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    more = environment(where, PYTHONPATH=str(ROOT), **asked)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=where, capture_output=True, text=True, env=more
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


DATASETS, VARIANTS = [*PARAMS["datasets"]], [*PARAMS["variants"]]
BEGIN_WITH_MSR = [one for one in VARIANTS if one.startswith("msr")]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("clfer ", COMMANDS),
        ("clfer tr", ["train"]),
        ("clfer --v", ["--version"]),
        ("clfer train ", DATASETS),
        ("clfer train demo msr", BEGIN_WITH_MSR),
        ("clfer train --fresh demo msr", BEGIN_WITH_MSR),
        ("clfer train --processes 2 demo msr", BEGIN_WITH_MSR),
        ("clfer evaluate demo ours ", [str(one) for one in PARAMS["run"]["seeds"]]),
        ("clfer evaluate demo ours 0 --on raf", ["raf_db"]),
        ("clfer train demo ours 0 --fr", ["--fresh"]),
        ("clfer experiment --rec", ["--recipe"]),
        ("clfer experiment comparison --recipe ", [*PARAMS["recipes"]]),
        ("clfer experiment table4 --dataset fer", ["ferplus"]),
        ("clfer experiment figure", ["figure5", "figure8"]),
        ("clfer figure ts", ["tsne"]),
        ("clfer report --o", ["--out"]),
        ("clfer audit demo ", [""]),
    ],
)
def test_completion(words, offered):
    assert complete(ROOT, words) == offered


def test_completion_in_other_shells():
    assert complete(ROOT, "clfer train demo msr", "fish") == BEGIN_WITH_MSR
    (first, *_) = complete(ROOT, "clfer tr", "fish")
    assert first == f"train\t{STAGES['train']}"
    said = "\n".join(complete(ROOT, "clfer train demo msr", "zsh"))
    assert said == "_arguments '*: :(({}))'".format("\n".join(f'"{v}"' for v in BEGIN_WITH_MSR))


def test_nothing_is_offered_without_a_sound_params_file(tmp_path):
    assert complete(tmp_path, "clfer train ") == [""]
    assert complete(tmp_path, "clfer train --fr") == ["--fresh"]
    for broken in ("datasets: [", "datasets: 3", "- demo", "datasets:\n  demo: 3"):
        (tmp_path / "params.yaml").write_text(broken)
        assert complete(tmp_path, "clfer train ") == [""]
    (tmp_path / "params.yaml").unlink()
    (tmp_path / "params.yaml").mkdir()
    assert complete(tmp_path, "clfer train ") == [""]


WATCHED = """
import sys
from pipeline.app import main
sys.argv[1:] = {words}
try:
    main()
finally:
    heavy = {{"torch", "polars", "numpy", "matplotlib", "cv2"}} & set(sys.modules)
    print(sorted(heavy), file=sys.stderr) if heavy else None
"""


@pytest.mark.parametrize("words", ["clfer train ", "clfer train --", "clfer evaluate demo ours "])
def test_completion_imports_nothing_heavy(words):
    assert len(complete(ROOT, words, code=WATCHED.format(words=[]))) > 1


@pytest.mark.parametrize(
    ("words", "status"),
    [(["--version"], 0), (["--help"], 0), (["train", "--help"], 0), (["train", "demo"], 2)],
)
def test_help_and_wrong_usage_import_nothing_heavy(words, status, folder):
    code = WATCHED.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(folder),
    )
    assert done.returncode == status
    assert "['" not in done.stderr


def test_a_script_that_bash_takes(folder, tmp_path):
    """The script that is installed, sourced by bash, calls clfer and fills COMPREPLY."""
    program = tmp_path / "bin/clfer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n')
    program.chmod(0o755)
    more = environment(folder, HOME=str(tmp_path))
    more["PATH"] = f"{program.parent}:{more['PATH']}"
    more["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"  # the shell is named instead

    def run(*words):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    for shell in SHELLS:
        assert "_CLFER_COMPLETE" in run("clfer", "--show-completion", shell)
        assert f"{shell} completion installed" in run("clfer", "--install-completion", shell)
    for file in (
        ".bash_completions/clfer.sh",
        ".zfunc/_clfer",
        ".config/fish/completions/clfer.fish",
    ):
        assert "_CLFER_COMPLETE=complete_" in (tmp_path / file).read_text()
    asked = "source ~/.bashrc; COMP_WORDS=(clfer train demo cl); COMP_CWORD=3; "
    asked += 'complete -p clfer; _clfer_completion clfer; echo "${COMPREPLY[*]}"'
    declared, offered = run("bash", "--norc", "-c", asked).splitlines()
    assert "-F _clfer_completion" in declared
    assert sorted(offered.split()) == sorted(one for one in VARIANTS if one.startswith("cl"))


def test_help_tells_stages_from_tools_and_what_a_status_means(folder):
    done = clfer(folder, "--help")
    stages, tools = done.stdout.index("─ Stages ─"), done.stdout.index("─ Tools ─")
    for name, summary in STAGES.items():
        assert stages < done.stdout.index(f" {name} ", stages) < tools
        assert summary in done.stdout
    for name, summary in TOOLS.items():
        assert done.stdout.index(f" {name} ", tools) > tools
        assert summary in done.stdout
    assert "Exit status: 0 done; 1 something that you can mend" in done.stdout[tools:]
    assert clfer(folder).stdout.rstrip() == done.stdout.rstrip()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name, folder):
    done = clfer(folder, name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    first = outline_doc(name).split(".")[0].replace("`", "")
    assert " ".join(first.split()) in " ".join(done.stdout.split())


def outline_doc(name):
    return getattr(importlib.import_module(f"pipeline.{name}"), name).__doc__


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (0, ("--version",), ""),
        (0, ("--help",), ""),
        (1, ("train", "demoo", "ours", "0"), "did you mean 'demo'?"),
        (1, ("evaluate", "demo", "ours", "0"), "is missing"),
        (2, ("trian",), "Did you mean 'train'?"),
        (2, ("train", "demo"), "Missing argument 'VARIANT'"),
        (2, ("train", "demo", "ours", "zero"), "valid integer"),
        (2, ("train", "demo", "ours", "0", "--frsh"), "--fresh"),
        (2, ("--verbose",), "No such option"),
        (2, (), ""),
    ],
)
def test_exit_status(status, words, said, folder):
    done = clfer(folder, *words)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(("how", "status"), [(2, 130), (15, 143)])
def test_exit_status_when_interrupted(how, status, tmp_path):
    where = checkout(tmp_path / "checkout")
    running = Running(where, "download", "demo")
    until = time.monotonic() + 60
    while not list(where.glob("data/raw/.demo.*")) and time.monotonic() < until:
        time.sleep(0.01)
    os.kill(running.process.pid, how)
    assert running.end() == status
    assert running.stderr == ""
    assert half(where) == []


def test_an_interrupt_that_is_lost_in_a_callback_still_gives_its_status(tmp_path):
    code = (
        "import os, signal\n"
        "from clfer.errors import orderly_exit\n"
        "with orderly_exit():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    except BaseException:\n"
        "        pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (130, b"")
