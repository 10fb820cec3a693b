"""The cached split and faces as training and evaluation take them."""

import os

import numpy as np
import polars as pl
import torch
from jaxtyping import UInt8

from clfer import distributed
from clfer.errors import InputError
from clfer.training.examples import Examples
from pipeline import paths, stored

COLUMNS = ("row", "face", "label", "split")


def cached(dataset: str) -> tuple[pl.DataFrame, UInt8[np.ndarray, "N S S C"]]:
    """The split table and the memory-mapped faces of a dataset; InputError names what is damaged
    or does not fit.
    """
    split = stored.table(paths.split(dataset), f"split {dataset}", COLUMNS)
    faces = stored.array(paths.faces(dataset), f"align {dataset}")
    used = split["face"].filter(split["split"].is_not_null())
    if used.null_count() or (len(used) and used.max() >= len(faces)):  # type: ignore[operator]
        raise InputError(
            f"{paths.split(dataset)}: expected images among the {len(faces):,} of "
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


def device() -> torch.device:
    """The GPU if there is one, or what CLFER_DEVICE names; of several processes each has its own.
    It changes no setting, so it is no parameter.
    """
    name = os.environ.get("CLFER_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and distributed.started():
        name = f"cuda:{distributed.local()}"
    try:
        torch.empty(0, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        raise InputError(
            f"CLFER_DEVICE: expected a device that PyTorch has here, such as cpu; found '{name}'"
        ) from error
