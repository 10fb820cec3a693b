"""The command line as a shell meets it: help, completion, exit status."""

import os
import subprocess
import sys

import pytest
from checkouts import Running, command, edit, environment, half, refused
from closure import ROOT
from ruamel.yaml import YAML
from typer.testing import CliRunner

from pipeline import options, params
from pipeline.app import STAGES, TOOLS, app

PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
COMMANDS = [*STAGES, *TOOLS]
# options that are declared in a file whose imports are heavy
HEAVY = {"demo", "explain", "predict"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with params.yaml, in which commands run as processes with this code."""
    folder = tmp_path_factory.mktemp("shell")
    edit(folder)
    return folder


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


def run(*words, **more):
    return CliRunner().invoke(app, words, prog_name="clfer", env={"COLUMNS": "400", **more})


def complete(words, shell="bash"):
    """What a shell would offer for the last of the words, by what its script asks."""
    asked = {
        "_CLFER_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": words,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    done = run(**asked)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


def words(dataset, variant, seed):
    """The arguments as DVC writes them."""
    return ["--dataset", dataset, "--variant", variant, "--seed", str(seed)]


DATASETS, VARIANTS = [*PARAMS["datasets"]], [*PARAMS["variants"]]
BEGIN_WITH_MSR = [one for one in VARIANTS if one.startswith("msr")]


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("clfer ", COMMANDS),
        ("clfer tr", ["train"]),
        ("clfer --v", ["--version"]),
        ("clfer train ", DATASETS),
        ("clfer train --fresh demo msr", BEGIN_WITH_MSR),
        ("clfer evaluate demo ours ", [str(one) for one in PARAMS["run"]["seeds"]]),
        ("clfer evaluate demo ours 0 --on raf", ["raf_db"]),
        ("clfer train demo ours 0 --fr", ["--fresh"]),
        ("clfer experiment comparison --recipe ", [*PARAMS["recipes"]]),
        ("clfer experiment table4 --dataset fer", ["ferplus"]),
        ("clfer experiment figure", ["figure5", "figure8"]),
        ("clfer figure ts", ["tsne"]),
        ("clfer figure loss --variant msr_cl", ["msr_clbs", "msr_clfm"]),
    ],
)
def test_completion(words, offered):
    assert complete(words) == offered


def test_completion_in_other_shells():
    assert complete("clfer train demo msr", "fish") == BEGIN_WITH_MSR
    said = "\n".join(complete("clfer train demo msr", "zsh"))
    assert said == "_arguments '*: :(({}))'".format("\n".join(f'"{v}"' for v in BEGIN_WITH_MSR))


def test_nothing_is_offered_without_a_sound_params_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert complete("clfer train ") == [""]
    for broken in ("datasets: [", "datasets: 3", "- demo", "datasets:\n  demo: 3"):
        (tmp_path / "params.yaml").write_text(broken)
        params.everything.cache_clear()
        assert complete("clfer train ") == [""]
    (tmp_path / "params.yaml").unlink()
    (tmp_path / "params.yaml").mkdir()
    params.everything.cache_clear()
    assert complete("clfer train ") == [""]


WATCHED = """
import os, sys
from typer.testing import CliRunner
from pipeline.app import app
for words in {words}:
    asked = {{}}
    if isinstance(words, str):
        asked = {{"_CLFER_COMPLETE": "complete_bash", "COMP_WORDS": words}}
        asked["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    done = CliRunner().invoke(app, [] if asked else words, prog_name="clfer", env=asked)
    assert not asked or len(done.stdout.splitlines()) > 1, words
    heavy = {{"torch", "polars", "numpy", "matplotlib", "cv2"}} & set(sys.modules)
    assert not heavy, (words, heavy)
"""


def test_help_completion_and_misspelt_names_import_nothing_heavy(folder):
    words = [["--version"], ["--help"], ["train", "demo"], ["train", "dmeo", "ours", "0"]]
    words += [["evaluate", "demo", "our", "0"], ["experiment", "tabel4", "--dataset", "demo"]]
    words += [["experiment", "comparison", "--dataset", "demo", "--variants", "our"]]
    words += [[one, "--help"] for one in COMMANDS if one not in HEAVY]
    words += ["clfer train ", "clfer train --", "clfer evaluate demo ours ", "clfer "]
    code = WATCHED.format(words=words)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(folder, PYTHONPATH=str(ROOT)),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_script_that_bash_takes(folder, tmp_path):
    """The script that is installed, sourced by bash, calls clfer and fills COMPREPLY."""
    program = tmp_path / "bin/clfer"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline "$@"\n')
    program.chmod(0o755)
    more = environment(folder, HOME=str(tmp_path), PYTHONPATH=str(ROOT))
    more["PATH"] = f"{program.parent}:{more['PATH']}"
    more["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"  # the shell is named instead

    def run(*words):
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=more)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "bash completion installed" in run("clfer", "--install-completion", "bash")
    asked = "source ~/.bashrc; COMP_WORDS=(clfer train demo cl); COMP_CWORD=3; "
    asked += 'complete -p clfer; _clfer_completion clfer; echo "${COMPREPLY[*]}"'
    declared, offered = run("bash", "--norc", "-c", asked).splitlines()
    assert "-F _clfer_completion" in declared
    assert sorted(offered.split()) == sorted(one for one in VARIANTS if one.startswith("cl"))


def test_help_tells_stages_from_tools_and_what_a_status_means():
    done = run("--help")
    stages, tools = done.stdout.index("─ Stages ─"), done.stdout.index("─ Tools ─")
    for name, summary in STAGES.items():
        assert stages < done.stdout.index(f" {name} ", stages) < tools
        assert summary in done.stdout
    for name, summary in TOOLS.items():
        assert done.stdout.index(f" {name} ", tools) > tools
        assert summary in done.stdout
    assert "Exit status: 0 done; 1 something that you can fix" in done.stdout[tools:]
    assert run().output.rstrip() == done.output.rstrip()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_every_command(name):
    done = run(name, "--help")
    assert done.exit_code == 0, done.output
    assert f"Usage: clfer {name} " in done.stdout
    if "DATASET" in done.stdout:
        assert all(one in done.stdout for one in DATASETS)


def test_the_datasets_that_help_lists_are_those_of_params():
    assert options.LISTED.partition(" (")[0].replace(" or ", ", ").split(", ") == DATASETS


@pytest.mark.parametrize(
    ("status", "words", "said"),
    [
        (1, ("train", "FER+", "ours", "0"), "did you mean 'ferplus'?"),
        (1, ("train", *words("FER+", "ours", 0)), "did you mean 'ferplus'?"),
        (1, ("train", *words("demo", "our", 0)), "did you mean 'ours'?"),
        (2, ("train", *words("demo", "ours", -1)), "Invalid value for 'SEED'"),
        (2, ("train", "--variant", "ours", "--dataset", "demo", "--seed", "0"), "No such option"),
        (1, ("experiment", "tabel4", "--dataset", "demo"), "did you mean 'table4'?"),
        (1, ("experiment", "table4", "--dataset", "demo", "--seeds", "0-999999999"), "at most 1,0"),
        (1, ("experiment", "table4", "--dataset", "demo", "--seeds", "9" * 5000), "2,147,483,647;"),
        (1, ("experiment", "table4", "--dataset", "demo", "--seeds", "2147483648"), "147,483,647;"),
        (1, ("experiment", "table4", "--dataset", "demo", "--seeds", "3-"), "such as 0,1,2 or 0-9"),
        (1, ("experiment", "table4", "--dataset", "demo", "-S", "trian.lr=1"), "mean 'train.lr'?"),
        (2, ("trian",), "Did you mean 'train'?"),
        (2, ("train", "demo"), "Missing argument 'VARIANT'"),
        (2, ("train", "demo", "ours", "-1"), "expected no number below 0, found -1"),
        (2, ("train", "demo", "ours", "0", "--frsh"), "--fresh"),
        (2, ("--verbose",), "No such option"),
        (2, (), ""),
    ],
)  # fmt: skip
def test_exit_status(status, words, said):
    done = run(*words)
    assert done.exit_code == status
    assert said in (str(done.exception) if status == 1 else done.stderr)


def test_an_error_is_one_line(folder):
    line = refused(folder, "evaluate", "demo", "ours", "0")
    assert line.startswith("error: runs/demo/ours/0/model.safetensors is missing; ")


def test_a_warning_is_one_line():
    code = (
        "import warnings\n"
        "from pipeline.app import main\n"
        "try:\n"
        "    main(['--version'])\n"
        "finally:\n"
        "    warnings.warn('slow')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert done.stderr == b"warning: slow\n"


@pytest.mark.parametrize(("how", "status"), [(2, 130), (15, 143)])
def test_exit_status_when_interrupted(how, status, tmp_path):
    edit(tmp_path)
    running = Running(tmp_path, "download", "demo", PYTHONPATH=str(ROOT))
    running.wait(lambda: list(tmp_path.glob("data/raw/.demo.*")))
    os.kill(running.process.pid, how)
    assert running.end() == status
    assert running.stderr == ""
    assert half(tmp_path) == list((tmp_path / "data/raw").iterdir()) == []


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


def test_it_prints_utf_8_whatever_the_locale(trained_copy):
    """Tables have dashes, which neither ASCII nor ISO-8859-1 has."""
    latin = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    latin["PYTHONIOENCODING"] = "iso-8859-1"
    done = subprocess.run(
        command("significance"),
        cwd=trained_copy,
        capture_output=True,
        env=environment(trained_copy, **latin),
    )
    assert done.returncode == 0, done.stderr
    assert "\u2013" in done.stdout.decode("utf-8")
