"""The cached split and faces as training and evaluation take them."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from jaxtyping import UInt8

from clfer.errors import InputError
from clfer.files import sha256
from clfer.training.cell import Data
from clfer.training.examples import Examples, Faces
from clfer.training.machine import device, memory
from clfer.training.pack import PARTS
from pipeline import cell, paths, stored

COLUMNS = ("row", "face", "label", "split")


def cached(
    dataset: str, chosen: Path | None = None
) -> tuple[pl.DataFrame, UInt8[np.ndarray, "N S S C"]]:
    """The split table and the memory-mapped faces of a dataset; InputError names what is damaged
    or does not fit.
    """
    table = chosen or paths.split(dataset)
    split = stored.table(table, f"split {dataset}", COLUMNS)
    faces = stored.array(paths.faces(dataset), f"align {dataset}")
    used = split["face"].filter(split["split"].is_not_null())
    if used.null_count() or (len(used) and used.max() >= len(faces)):  # type: ignore[operator]
        raise InputError(
            f"{table}: expected images among the {len(faces):,} of "
            f"{paths.faces(dataset)}, found others; let `clfer split {dataset}` divide them again"
        )
    return split, faces


def examples(split: pl.DataFrame, part: str) -> Examples:
    """The images of one part of the split table, in row order."""
    rows = split.filter(pl.col("split") == part).sort("row")
    return Examples(
        face=torch.from_numpy(rows["face"].to_numpy().copy()),
        label=torch.from_numpy(rows["label"].to_physical().cast(pl.Int64).to_numpy().copy()),
        target=torch.from_numpy(rows["target"].to_numpy().copy()),
    )


def data(dataset: str, split_table: Path | None = None) -> Data:
    """A dataset as a cell is trained on it: its faces, all three parts of its split, and what they
    are made from. split_table: instead of the dataset's own.
    """
    chosen = split_table or paths.split(dataset)
    split, stored = cached(dataset, chosen)
    return Data(
        name=dataset,
        classes=tuple(split["label"].dtype.categories),  # type: ignore[attr-defined]
        cut=cell.cut(dataset),
        faces=Faces(stored, device(), memory()),
        splits={part: examples(split, part) for part in PARTS},
        sources={"split_sha256": sha256(chosen), "faces_sha256": sha256(paths.faces(dataset))},
    )
