"""Whoever writes a file, and however it says that it could not: one line, and nothing is left."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bundles import model, refusal
from closure import ROOT
from failing_disks import full, limited, needs_mounts
from PIL import Image

from clfer.files import replacing, write_text

WRITE = """
import sys
from pathlib import Path
import numpy as np
from clfer.errors import InputError
from clfer.files import replacing

path, kind = Path(sys.argv[1]), sys.argv[2]
noise = np.random.default_rng(0).integers(0, 256, 1 << 21, dtype=np.uint8)
try:
    with replacing(path) as temporary:
        match kind:
            case "parquet" | "csv":
                import polars as pl
                getattr(pl.DataFrame({"noise": noise}), f"write_{kind}")(temporary)
            case "streamed parquet":
                import polars as pl
                pl.DataFrame({"noise": noise}).lazy().sink_parquet(temporary)
            case "npy":
                np.save(temporary, noise)
            case "npz":
                np.savez_compressed(temporary, noise=noise)
            case "pt":
                import torch
                torch.save({"noise": torch.from_numpy(noise)}, temporary)
            case "safetensors":
                import torch
                from safetensors.torch import save_file
                save_file({"noise": torch.from_numpy(noise)}, temporary)
            case "json":
                temporary.write_text("x" * len(noise))
            case "jpeg":
                from PIL import Image
                Image.fromarray(noise.reshape(1024, 2048)).save(temporary, quality=100)
            case "png":
                from matplotlib.figure import Figure
                figure = Figure(figsize=(20, 20))
                figure.figimage(noise.reshape(1024, 2048))
                figure.savefig(temporary, format="png")
            case "copy":
                import shutil
                Path(sys.argv[3]).write_bytes(bytes(1000))  # elsewhere there is room
                shutil.copyfile(sys.argv[4], temporary)
except InputError as error:
    sys.exit(str(error))
"""
KINDS = ("parquet", "streamed parquet", "csv", "npy", "npz", "pt", "safetensors", "json")
KINDS += ("jpeg", "png", "copy")


@pytest.fixture
def write(tmp_path):
    """Write a kind of file over an old one, behind the words of a failing disk."""
    place, source = tmp_path / "place", tmp_path / "source"
    place.mkdir()
    source.write_bytes(bytes(1 << 21))

    def run(kind, prefix):
        path = place / f"file.{kind}"
        path.write_text("old")
        words = [path, kind, tmp_path / "other", source]
        done = subprocess.run(
            [*prefix, sys.executable, "-c", WRITE, *map(str, words)],
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert done.returncode == 1, done.stderr
        return path, done.stderr.strip()

    return run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "found",
    [
        "a limit on the size of a file (ulimit -f)",
        pytest.param("the disk full", marks=needs_mounts),
    ],
)
def test_what_cannot_be_written_is_one_line_and_the_old_file_stays(kind, found, write, tmp_path):
    after, prefix = tmp_path / "place", limited(100_000)
    if found == "the disk full":
        prefix = full(tmp_path / "place", 100_000, tmp_path / "copies")
        after = tmp_path / "copies/after"
    path, said = write(kind, prefix)
    assert said == (
        f"{path}: expected room to write it, found {found}; "
        "make room and run it again: what stood there before is untouched"
    )
    assert {one.name: one.read_text() for one in after.iterdir()} == {path.name: "old"}


def test_what_a_killed_process_left_goes_and_a_living_one_keeps_its_own(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    living = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    kept = [f".scores.{living.pid}.json", f".other.{gone.pid}.json", ".scores.mine.json"]
    for name in (*kept, f".scores.{gone.pid}.json"):
        (tmp_path / name).write_text("half")
    (tmp_path / f"..scores.{gone.pid}.{gone.pid}.json").write_text("half")
    with replacing(tmp_path / "scores.json") as temporary:
        temporary.write_text("whole")
    living.communicate(b"\n")
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([*kept, "scores.json"])


def test_a_defect_of_ours_stays_what_it_is(tmp_path):
    with pytest.raises(KeyError), replacing(tmp_path / "scores.json"):
        raise KeyError("ours")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_right_after_the_file_was_made_leaves_none(tmp_path, monkeypatch):
    touch = Path.touch

    def interrupted(path):
        touch(path)
        raise SystemExit(130)

    monkeypatch.setattr(Path, "touch", interrupted)
    with pytest.raises(SystemExit), replacing(tmp_path / "out.csv"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_followed_but_not_to_what_is_read_only(tmp_path):
    """As DVC's cache is, where a stage's files are links into it."""
    for name, mode in (("own", 0o644), ("cached", 0o444)):
        (tmp_path / f"{name}.csv").write_text("old")
        (tmp_path / f"{name}.csv").chmod(mode)
        (tmp_path / f"{name}-link.csv").symlink_to(f"{name}.csv")
        write_text(tmp_path / f"{name}-link.csv", "new")
    assert (tmp_path / "own-link.csv").is_symlink()
    assert (tmp_path / "own.csv").read_text() == "new"
    assert not (tmp_path / "cached-link.csv").is_symlink()
    assert (tmp_path / "cached.csv").read_text() == "old"
    (tmp_path / "to come.csv").symlink_to("in/here.csv")
    write_text(tmp_path / "to come.csv", "new")
    assert (tmp_path / "in/here.csv").read_text() == "new"


def test_what_is_no_file_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "null").symlink_to(os.devnull)
    for name in ("pipe", "folder", "null"):
        said = refusal(write_text, tmp_path / name, "new")
        assert said.startswith(f"{tmp_path / name}: expected a name for a file, found a folder, a ")
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["folder", "null", "pipe"]


@pytest.mark.parametrize("mask", [0o022, 0o027])
def test_who_may_read_a_file_is_as_the_user_has_it(tmp_path, mask):
    """safetensors makes files for their owner alone."""
    before = os.umask(mask)
    try:
        made = model(tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert made.stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("name", ["n" * 251 + ".csv", "é" * 125 + ".csv", os.fsdecode(b"\xe9.csv")])
def test_any_name_that_the_system_takes(tmp_path, name, monkeypatch):
    """The temporary file beside it has a shorter one, in UTF-8, and is found by its whole path."""
    monkeypatch.chdir(tmp_path)
    with replacing(Path(name)) as temporary:
        assert temporary.is_absolute()
        temporary.name.encode()
        temporary.write_text("whole")
    assert os.listdir() == [name]


@needs_mounts
@pytest.mark.parametrize("free", [4096, 16384])
def test_a_drawing_on_a_disk_with_room_for_a_part_of_it(tmp_path, free):
    """Pillow writes that part of a JPEG, and says nothing."""
    place, made = tmp_path / "place", model(tmp_path / "a.safetensors")
    place.mkdir()
    (place / "n.jpg").write_text("old")
    noise = np.random.default_rng(0).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "n.jpg", quality=92)
    assert (tmp_path / "n.jpg").stat().st_size > 20_000
    words = ["predict", tmp_path / "n.jpg", "--no-detect", "--model", made, "--draw", place]
    command = [sys.executable, "-m", "pipeline", *map(str, words)]
    done = subprocess.run(
        [*full(place, free, tmp_path / "copies"), *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert f"error: {place / 'n.jpg'}: expected room to write it, found the disk" in done.stderr
    assert (tmp_path / "copies/after/n.jpg").read_text() == "old"


BINARY = {"av", "archive", "gzip", "Image", "tarfile", "webbrowser"}  # whose `open` is of no text
OF_TEXT = {"read_text", "write_text", "open", "fdopen", "TextIOWrapper", "reconfigure"}


def in_the_locale_s_encoding(tree):
    """The lines that open text without naming an encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        named = {one.arg for one in node.keywords}
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        receiver = getattr(getattr(node.func, "value", None), "id", "")
        modes = [*node.args, *(one.value for one in node.keywords if one.arg == "mode")]
        words = [one.value for one in modes if isinstance(one, ast.Constant)]
        binary = any(isinstance(one, str) and "b" in one and len(one) < 4 for one in words)
        decoded = {"text", "universal_newlines"} & named
        ours = getattr(node.func, "id", "") == "write_text"  # of clfer.files
        opened = name in OF_TEXT and receiver not in BINARY and not binary and not ours
        if (opened or decoded) and not {"encoding", None} & named:
            yield node.lineno


def test_text_is_utf_8_whatever_the_locale():
    """What this finds, and what it leaves alone; then our code."""
    wrong = "open(a)\np.open('w')\np.read_text()\nsubprocess.run(a, text=True)\np.write_text(a)\n"
    assert [*in_the_locale_s_encoding(ast.parse(wrong))] == [1, 2, 3, 4, 5]
    right = "open(a, 'rb')\np.open('r+b')\np.read_text(encoding='utf-8')\nImage.open(a)\n"
    assert [*in_the_locale_s_encoding(ast.parse(right))] == []
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ("clfer", "pipeline")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in in_the_locale_s_encoding(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
