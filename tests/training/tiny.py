"""A few small faces and runs over them that take a fraction of a second."""

import hashlib
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from recipes import PARAMS, recipe
from variants import CUT, OURS

from clfer.model.variant import Variant
from clfer.progress import silent
from clfer.training import pack
from clfer.training.cell import Cell, Data
from clfer.training.examples import Examples, Faces
from clfer.training.loop import train
from clfer.training.state import claim

ROWS = PARAMS["variants"]
SMALLER = {
    "msr": {"fd": 32},
    "clfm": {"iterations": 5},
    "clbs": {"fd": 32, "iterations": 5},
    "simsiam": {"fd": 16, "bottleneck": 8},
}


def variant(name, **changes):
    """A row of params.yaml made narrow; `changes` of its modules' settings by module."""
    given = {
        module: {**settings, **SMALLER.get(module, {}), **changes.get(module, {})}
        for module, settings in ROWS[name].items()
    }
    return Variant.model_validate(given)


def data(count=40, classes=3):
    """Faces whose class shows as a bright band, in random order."""
    random = np.random.default_rng(0)
    label = random.integers(0, classes, count)
    stored = random.integers(0, 80, (count, 48, 48, 1), dtype=np.uint8)
    for i, c in enumerate(label):
        stored[i, 16 * c : 16 * c + 16] += 150
    label = torch.from_numpy(label)
    target = torch.nn.functional.one_hot(label, classes).float()
    split = {
        "train": Examples(torch.arange(16, count), label[16:], target[16:]),
        "val": Examples(torch.arange(16), label[:16], target[:16]),
    }
    return stored, split


def bands(split=None, device="cpu"):
    stored, whole = data()
    faces = Faces(stored, torch.device(device), memory=1.0)
    sources = {"faces_sha256": "a", "split_sha256": "b"}
    return Data("bands", ("a", "b", "c"), CUT, faces, split or whole, sources)


def packed(folder, cells):
    """A pack of the bands, 12 of whose training faces are test faces; its folder."""
    known = bands()
    train = known.splits["train"]
    parts = {"train": train[torch.arange(12)], "test": train[torch.arange(12, 24)]}
    np.save(folder / "stored.npy", known.faces.stored)
    known = replace(known, splits={**known.splits, **parts})
    pack.write(known, cells, folder / "stored.npy", folder / "pack")
    return folder / "pack"


def run(
    variant=OURS, folder=None, seed=0, report=lambda _: None, split=None, device="cpu", **changes
):
    """A training from its start, or from the state that `folder` has."""
    cell = Cell("any", seed, variant, recipe(**changes))
    with TemporaryDirectory() as own, claim(folder or Path(own) / "run") as checkpoint:
        return train(cell, bands(split, device), checkpoint, silent, report)


@cache
def trained(name="ours", **changes):
    """A run that several tests look at, and none changes."""
    return run(variant(name), **changes)


def digest(weights):
    together = hashlib.sha256()
    for name in sorted(weights):
        together.update(weights[name].numpy().tobytes())
    return together.hexdigest()


class KilledError(Exception):
    pass


def killed_and_resumed(folder, **how):
    """A run killed after its first epoch and started again."""

    def kill(state):
        raise KilledError

    with pytest.raises(KilledError):
        run(folder=folder, report=kill, **how)
    seen = []
    state = run(folder=folder, report=lambda state: seen.append(state.history[-1]), **how)
    assert [row["epoch"] for row in seen] == [row["epoch"] for row in state.history[1:]]
    return state
