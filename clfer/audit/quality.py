"""Images that are poor in themselves: without contrast, tiny, or without a face that was found."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

CONSTANT, FAINT = 0.0, 8.0  # standard deviation of the grey levels
TINY = 32  # pixels of the shorter side of the picture
LOST = ("centre", "box")  # outcomes of clfer.faces where a detector found nothing


def contrast(faces: UInt8[np.ndarray, "N S S C"]) -> Float[np.ndarray, " N"]:
    """The standard deviation of each face's levels, one face at a time."""
    return np.array([face.std() for face in faces], np.float64)


def quality(
    images: pl.DataFrame, rejected: pl.DataFrame, spread: Float[np.ndarray, " N"]
) -> dict[str, Any]:
    """Counts over the images, as plain numbers that JSON takes.

    images:   `published`, `label`, `outcome`, and `height` and `width` of the picture
    rejected: rows without a face, with the `reason`
    spread:   `contrast` of the images

    constant, faint: without any, and with little contrast
    tiny:            the picture's shorter side below TINY
    outcomes:        how the faces were cut out
    lost:            of the images of each split and of each class those where a detector found
                     nothing; null where there was no detector
    rejected:        by reason
    """
    detected = "detected" in set(images["outcome"])
    lost = pl.col("outcome").is_in(LOST)
    return {
        "constant": int((spread <= CONSTANT).sum()),
        "faint": int(((spread > CONSTANT) & (spread < FAINT)).sum()),
        "tiny": images.filter(pl.min_horizontal("height", "width") < TINY).height,
        "outcomes": _counted(images["outcome"]),
        "lost": {name: _shares(images, name, lost) for name in ("published", "label")}
        if detected
        else None,
        "rejected": _counted(rejected["reason"]),
    }


def _counted(values: pl.Series) -> dict[str, int]:
    return dict(values.drop_nulls().value_counts(sort=True).iter_rows())


def _shares(images: pl.DataFrame, column: str, lost: pl.Expr) -> dict[str, dict[str, int]]:
    groups = images.group_by(column, maintain_order=True).agg(lost.sum().alias("lost"), pl.len())
    return {str(name): {"images": count, "of": size} for name, count, size in groups.iter_rows()}
