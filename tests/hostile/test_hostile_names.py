"""Names that would steer the terminal, break the line or leave the folder."""

import shutil
import subprocess
import sys
from itertools import product

import checkouts
import pytest
from closure import ROOT
from image_trees import encoded, fetched, plant, zipped
from ruamel.yaml import YAML

from clfer.datasets import folder
from clfer.errors import InputError
from pipeline import console

CONTROL = [chr(code) for code in (*range(1, 32), 127, *range(0x80, 0xA0))]
STEERING = ["\u202e", "\u2066", "\u200b", "\u2028", "\u2029", "\ufeff", "\udc80"]
ODD = "\x1b]0;owned\x07\x1b[2J\nerror: all is well\r"


@pytest.mark.parametrize("letter", [*CONTROL, *STEERING])
def test_what_steers_a_terminal_is_written_as_python_does(letter):
    found = console.plain(f"a{letter}b")
    assert found.isprintable()
    assert found == "a" + repr(letter)[1:-1] + "b"


@pytest.mark.parametrize(
    "text", ["ein Gesicht.jpg", "é ü 顔 лицо وجه", "[/bold]", "a\u00a0b", "😀"]
)
def test_what_people_write_stays(text):
    assert console.plain(text) == text


def images(names):
    return {
        f"{split}/{name}/{place}.png": encoded(number)
        for number, (split, name, place) in enumerate(
            product(("train", "test"), ("happy", "sad"), names)
        )
    }


def calm(printed):
    """Whether nothing but lines of text is there."""
    return all(letter.isprintable() or letter == "\n" for letter in printed)


@pytest.fixture
def checkout(tmp_path):
    """A folder with params.yaml, whose own images are asked for in OWN."""
    checkouts.edit(tmp_path)
    return tmp_path


OWN = "data/external/folder"


def test_a_file_with_an_escape_and_a_newline_in_its_name_is_told_in_one_line(checkout):
    plant(checkout / OWN, {f"{ODD}.txt": "no image"})
    line = checkouts.refused(checkout, "download", "folder")
    assert line.isprintable()
    assert r"\x1b]0;owned\x07\x1b[2J\nerror: all is well\r.txt" in line


def test_such_names_are_read_and_printed_without_harm(checkout):
    """[/x] would be markup to rich, and end in a MarkupError."""
    files = images([f"1{ODD}", "2[/x]"])
    others = {f"elsewhere{ODD}.png": encoded(0), f"{ODD}[/b].doc": "x"}
    plant(checkout / OWN, files | others)
    for stage in ("download", "relabel"):
        ran = checkouts.here(checkout, stage, "folder")
        assert ran.returncode == 0, ran.stderr
        assert calm(ran.stdout)
        assert calm(ran.stderr)
        assert r"\x1b[2J\n" in ran.stdout


def test_a_class_with_such_a_name_is_printed_without_harm(capsys):
    odd = f"{ODD}[/b][bold]"
    console.say([odd], odd)
    console.table(odd, [odd, "n"], [[odd, "[/x] 1"]])
    console.page(f"# {odd}\n\n| {odd} | 2 |\n|---|---|\n| a | [/x] |")
    printed = capsys.readouterr().out
    assert calm(printed)
    assert "[/b][bold]" in printed


SHELL = ("x;touch F", "$(touch F)", "`touch F`", "';touch F;'", "x\ntouch F\n", '"&touch F&"', "")


@pytest.mark.parametrize("name", [*SHELL, {"x;touch F": 1}, ["x;touch F"]])
@pytest.mark.parametrize("part", ["datasets", "variants", "seeds"])
def test_dvc_runs_nothing_that_stands_in_the_grid(part, name, tmp_path):
    """DVC writes the commands before any code of ours could look at the names."""
    folder = checkouts.checkout(tmp_path / "checkout")
    shutil.copy(ROOT / "dvc.yaml", folder)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    with (folder / ".dvc/config").open("a") as file:
        file.write("    no_scm = true\n")
    loaded = YAML(typ="safe").load(folder / "params.yaml")
    if part != "seeds" and isinstance(name, str):
        loaded[part][name] = loaded[part]["demo" if part == "datasets" else "ours"]
    grid = {**checkouts.GRID, "variants": ["ours"], part: [name]}
    checkouts.change(folder, run=grid, **{k: loaded[k] for k in ("datasets", "variants")})
    stage = "download" if part == "datasets" else "train"
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "--glob", "-s", f"{stage}@*"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=checkouts.environment(folder),
    )
    assert done.returncode != 0, done.stdout
    assert "ERROR" in done.stderr
    assert not list(folder.rglob("F"))
    assert not list(folder.glob("runs/*/*/*"))


@pytest.mark.parametrize("name", ["../../evil", "train/../../evil", "..\\..\\evil", "C:\\evil"])
def test_a_name_in_a_zip_that_leads_out(tmp_path, name):
    there = tmp_path / "there"
    zipped(there / "a.zip", {**images("12"), f"{name}.png": 1})
    with pytest.raises(InputError, match="unpack it by hand if you trust it") as told:
        fetched(folder, there, tmp_path / "raw")
    assert str(told.value).isprintable()
    assert not list(tmp_path.parent.rglob("evil*"))
    assert not [path for path in (tmp_path / "raw").rglob("*") if path.is_file()]
