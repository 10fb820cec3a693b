"""A dataset and a list of cells in one folder, for a machine with PyTorch but no pipeline.

faces.npy    uint8 [N, S, S, C]
splits.npz   for each of train, val, test: face, label, target
plan.json    classes, how faces are cut, SHA-256 of the sources and the other files, and the cells
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clfer.archives import DAMAGE
from clfer.errors import InputError, in_one_line
from clfer.faces.preprocessing import Cut
from clfer.files import replacing, sha256, write_json
from clfer.training.cell import Cell, Data
from clfer.training.examples import Examples, Faces
from clfer.training.machine import memory

FACES, SPLITS, PLAN = "faces.npy", "splits.npz", "plan.json"
PARTS = ("train", "val", "test")
COLUMNS = ("face", "label", "target")


def write(data: Data, cells: Sequence[Cell], faces: Path, folder: Path) -> None:
    """The three files. faces: the array that `data` was read from."""
    arrays: dict[str, Any] = {
        f"{part}_{column}": getattr(data.splits[part], column).cpu().numpy()
        for part in PARTS
        for column in COLUMNS
    }
    with replacing(folder / FACES) as temporary:
        shutil.copyfile(faces, temporary)
    with replacing(folder / SPLITS) as temporary:
        np.savez_compressed(temporary, **arrays)
    plan = {
        "dataset": data.name,
        "classes": list(data.classes),
        "cut": data.cut.model_dump(mode="json"),
        "sources": dict(data.sources),
        "files": {name: sha256(folder / name) for name in (FACES, SPLITS)},
        "cells": [cell.to_json() for cell in cells],
    }
    write_json(folder / PLAN, plan, indent=1)


def read(folder: Path, device: torch.device) -> tuple[Data, list[Cell]]:
    """The dataset and the cells; InputError where a file is missing, damaged or another."""
    for name in (FACES, SPLITS, PLAN):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; `clfer experiment --pack` writes it")
    with undamaged(folder / PLAN):
        plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        files = dict(plan["files"])
    for name in (FACES, SPLITS):
        if sha256(folder / name) != files.get(name):
            raise InputError(
                f"{folder / name}: expected the file that {PLAN} names, found it damaged "
                "or another; have the pack written again"
            )
    with np.load(folder / SPLITS) as found:
        splits = {
            part: Examples(*(torch.from_numpy(found[f"{part}_{one}"]) for one in COLUMNS))
            for part in PARTS
        }
    faces = Faces(np.load(folder / FACES, mmap_mode="r"), device, memory())
    with undamaged(folder / PLAN):
        data = Data(
            name=plan["dataset"],
            classes=tuple(plan["classes"]),
            cut=Cut.model_validate(plan["cut"]),
            faces=faces,
            splits=splits,
            sources=plan["sources"],
        )
        return data, [Cell.from_json(one) for one in plan["cells"]]


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """InputError where reading a file in the block shows that it is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, *DAMAGE) as error:
        raise InputError(
            f"{path}: expected a whole file, found it damaged ({in_one_line(error)}); delete it, "
            "and what it is part of, and have it written again"
        ) from error
