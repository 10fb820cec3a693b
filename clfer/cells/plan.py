"""What shall be trained, from what, and which of it is there already."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clfer.archives import DAMAGE
from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.training.examples import Examples, Faces

FACES, SPLITS, PLAN = "faces.npy", "splits.npz", "plan.json"
CELL = "cell.json"  # in a cell's folder: it is done
PARTS = ("train", "val", "test")
COLUMNS = ("face", "label", "target")
SETTINGS = ("modules", "recipe", "sources")  # what a cell's numbers depend on, beside its seed
SPEED = (
    "compile",
    "deterministic",
    "precision",
    "threads",
)  # settings that change nothing but rounding


@dataclass(frozen=True)
class Pack:
    """What a grid is trained from. plan: dataset, classes, cut, sources and cells."""

    faces: Faces
    splits: Mapping[str, Examples]
    plan: Mapping[str, Any]


def read(folder: Path, device: torch.device) -> Pack:
    """A pack; InputError where one of its files is missing."""
    for name in (FACES, SPLITS, PLAN):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; `clfer grid --pack` writes it")
    with whole(folder / SPLITS), np.load(folder / SPLITS) as found:
        splits = {
            part: Examples(*(torch.from_numpy(found[f"{part}_{one}"]) for one in COLUMNS))
            for part in PARTS
        }
    with whole(folder / FACES):
        faces = Faces(np.load(folder / FACES, mmap_mode="r"), device, memory=8.0)
    with whole(folder / PLAN):
        return Pack(faces, splits, json.loads((folder / PLAN).read_text()))


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """InputError where reading a file in the block shows that it is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, *DAMAGE) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: expected a whole file, found it damaged ({reason}); delete it, and what it "
            "is part of, and have it written again"
        ) from error


def sped(pack: Pack, compiled: bool, precision: str | None) -> Pack:
    """The same with `train.compile` and with `train.precision` in every cell, where asked for."""
    over: dict[str, Any] = {"compile": True} if compiled else {}
    over |= {"precision": precision} if precision else {}
    cells = [{**cell, "recipe": {**cell["recipe"], **over}} for cell in pack.plan["cells"]]
    return replace(pack, plan={**pack.plan, "cells": cells})


def missing(plan: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """The cells of a plan that are not there. InputError where one was trained with other settings
    than the plan's: it would be passed off as something that it is not.
    """
    absent = []
    for cell in plan["cells"]:
        path = place(out, cell) / CELL
        if not path.exists():
            absent.append(cell)
            continue
        wanted = {**cell, "sources": plan["sources"]} | modules(cell)
        with whole(path):
            found = json.loads(path.read_text())
            found = {block: dict(found[block]) for block in SETTINGS} | modules(found)
        for block in SETTINGS:
            for key in sorted({*found[block], *wanted[block]} - {*SPEED}):
                was, now = found[block].get(key), wanted[block].get(key)
                if was != now:
                    raise InputError(
                        f"{path.parent}: trained with other settings, {block}.{key}: expected "
                        f"{now}, found {was}; name another folder by --cells, or delete this one"
                    )
    return absent


def modules(cell: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """A cell's `modules` with every setting: one that came later has its default before."""
    return {"modules": Variant.model_validate(cell["modules"]).model_dump(mode="json")}


def place(out: Path, cell: Mapping[str, Any]) -> Path:
    """The folder of a cell."""
    return out / str(cell["variant"]) / str(cell["seed"])
