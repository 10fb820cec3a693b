"""A checkout with a few faces in it, and the real commands run there as processes of their own."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from unittest import mock

import numpy as np
import polars as pl
import psutil
from closure import ROOT
from ruamel.yaml import YAML

from clfer.datasets.expressions import FERPLUS
from pipeline import app, params

CLASSES = FERPLUS[:3]
SMALL = {
    "backbone": "resnet10_quarter",
    "weights": "none",
    "stem": "small",
    "resize": 68,
    "crop": 64,
    "batch_size": 12,
}
# in params.yaml, a demo that is drawn and trained in seconds
SMALL_DEMO = [
    ("      train: 1000", "      train: 160"),
    ("      val: 250", "      val: 120"),
    ("      test: 500", "      test: 120"),
    ("      epochs: 12", "      epochs: 1"),
    ("  - 1\n  - 2\n", ""),
]
PARTS = ["train"] * 24 + ["val"] * 12 + ["test"] * 24
IMAGES = len(PARTS)
KEPT = {".scratch", ".unfinished", ".cache", ".config", ".dvc", ".dvcignore", ".gitignore"}
CELL = ("demo", "ours", "0")
GRID = {"datasets": ["demo"], "variants": ["baseline", "ours"], "seeds": [0], "recipe": None}


def checkout(folder, epochs=2, mislabelled=False):
    """The code, params.yaml with a small recipe for the demo, and a split of faces whose class
    shows as a band. mislabelled: some test images have another label, so that scores are not
    perfect.
    """
    for name in ("clfer", "pipeline"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    change(folder, ROOT, recipe={**SMALL, "epochs": epochs})
    for part in ("data/splits", "data/faces"):
        (folder / part).mkdir(parents=True)
    row = (np.arange(IMAGES) * 7) % IMAGES
    faces = np.random.default_rng(0).integers(0, 80, (IMAGES, 48, 48, 1), dtype=np.uint8)
    for place, one in enumerate(row):
        faces[place, 16 * (one % 3) : 16 * (one % 3) + 16] += 150
    np.save(folder / "data/faces/demo.npy", faces)
    wrong = mislabelled & (np.array(PARTS) == "test") & (row % 4 == 1)
    label = (row + wrong) % 3
    table = pl.DataFrame(
        {
            "row": pl.Series(row, dtype=pl.Int64),
            "face": pl.Series(range(IMAGES), dtype=pl.Int64),
            "label": pl.Series([CLASSES[one] for one in label], dtype=pl.Enum(CLASSES)),
            "target": pl.Series(np.eye(3, dtype=np.float32)[label], dtype=pl.Array(pl.Float32, 3)),
            "split": PARTS,
            "group": pl.Series(row, dtype=pl.Int64),
            "unique": [one % 4 > 0 for one in row],
        }
    )
    about = {"protocol": "bands", "evidence": "false"}
    table.write_parquet(folder / "data/splits/demo.parquet", metadata=about)
    return folder


def trained(folder):
    """The same with two models of two epochs, their scores and summary."""
    change(checkout(folder, mislabelled=True), run=GRID)
    cells = [("demo", variant, 0) for variant in GRID["variants"]]
    for words in (*(("train", *c) for c in cells), *(("evaluate", *c) for c in cells)):
        done(folder, *words)
    done(folder, "significance")
    return folder


def change(folder, template=None, recipe=(), source=(), faces=(), **blocks):
    """params.yaml with other settings: entries of the demo's own blocks, and whole blocks."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((template or folder) / "params.yaml")
    for name, entries in (("recipe", recipe), ("source", source), ("faces", faces)):
        params["datasets"]["demo"][name].update(entries)
    params |= blocks
    yaml.dump(params, folder / "params.yaml")


def environment(folder, **more):
    """One thread, the folder's own code, and nobody's network."""
    return {
        "PATH": f"{os.path.dirname(sys.executable)}:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "CLFER_DEVICE": "cpu",
        "COLUMNS": "400",
        **more,
    }


def command(*words):
    return [sys.executable, "-m", "pipeline", *map(str, words)]


def clfer(folder, *words, prefix=(), **more):
    """A command run to its end."""
    return subprocess.run(
        [*prefix, *command(*words)],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(folder, **more),
    )


def here(folder, *words):
    """A command run to its end in this process, in a folder with params.yaml, without a network."""
    params.everything.cache_clear()
    out, err, status = io.StringIO(), io.StringIO(), 0
    alone = {"https_proxy": "http://127.0.0.1:9", "HOME": str(folder), "CLFER_DEVICE": "cpu"}
    with (
        mock.patch.dict(os.environ, alone),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            app.main([*map(str, words)])
        except SystemExit as end:
            status = end.code or 0
        finally:
            params.everything.cache_clear()
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


def done(folder, *words):
    """What a command prints that must succeed in this process."""
    ran = here(folder, *words)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def refused(folder, *words):
    """The one line with which a command refuses."""
    ran = here(folder, *words)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    (line,) = ran.stderr.splitlines()
    assert line.startswith("error: ")
    return line


def edit(folder, *changes):
    """params.yaml with other text: pairs of old and new."""
    path = folder / "params.yaml"
    text = path.read_text() if path.exists() else (ROOT / "params.yaml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


class Running:
    """A command that runs; its lines on standard error are collected meanwhile."""

    def __init__(self, folder, *words, **more):
        self.process = subprocess.Popen(
            command(*words),
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(folder, **more),
        )
        self.lines, self.said = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr:
            with self.said:
                self.lines.append(line.rstrip("\n"))
                self.said.notify_all()
        with self.said:
            self.lines.append(None)
            self.said.notify_all()

    def until(self, pattern, timeout=120):
        """Wait until a line matches; whether one did before the process ended."""

        def found():
            return any(line is None or re.search(pattern, line) for line in self.lines)

        with self.said:
            assert self.said.wait_for(found, timeout), self.lines
        return any(line and re.search(pattern, line) for line in self.lines)

    def wait(self, condition):
        """Wait until the condition holds while the command runs."""
        deadline = time.monotonic() + 120
        while not condition():
            assert self.process.poll() is None, self.stderr
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def end(self, timeout=120):
        """Its exit status, as a shell has it."""
        status = self.process.wait(timeout)
        self.reader.join()
        return status if status >= 0 else 128 - status

    @property
    def stderr(self):
        return "\n".join(line for line in self.lines if line)


def epochs(text):
    return [int(number) for number in re.findall(r"^ +epoch +(\d+) ", text, re.M)]


def files(folder, *parts):
    """The bytes of every file below some parts of a checkout, hidden ones included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in parts
        for path in sorted((folder / part).rglob("*"))
        if path.is_file()
    }


def half(folder):
    """Temporary files and folders, but for the states of runs."""
    found = [(path, path.relative_to(folder).parts) for path in folder.rglob(".*") if path.exists()]
    return [path for path, parts in found if not KEPT & {*parts}]


def orphans(folder):
    """Processes that work in the folder."""
    found = []
    for one in psutil.process_iter():
        try:
            if one.status() != psutil.STATUS_ZOMBIE and one.cwd().startswith(str(folder)):
                found.append(one)
        except psutil.Error:
            continue
    return found
