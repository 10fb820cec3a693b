"""The faces themselves: how they were cut, how bright they are, which are poor, the mean ones.

N stored faces of side S with C channels, K classes. They can be more than memory holds, so they are
read a block at a time.
"""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.datasets.labels import classes

BLOCK = 256  # faces
RGB = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601, as in OpenCV
FAINT = 8.0  # contrast below which a face shows little
TINY = 32  # pixels of the shorter side of a picture
LOST = ("centre", "box")  # outcomes of clfer.faces where a detector found nothing

Stored = UInt8[np.ndarray, "N S S C"]


def appearance(
    images: pl.DataFrame, aligned: pl.DataFrame, stored: Stored, block: int = BLOCK
) -> tuple[dict[str, Any], UInt8[np.ndarray, "M S S C"]]:
    """Statistics of the faces, and M = K + 1 mean faces: of all images, then of each class.

    images:  those with a label and a face, with `face`, an index into `stored`, `published`, and
             of `aligned` the `outcome`, `height` and `width`
    aligned: a row for each image of the dataset, also those without a face

    size:            [S, S, C]
    outcomes:        how faces were cut -> how many of the dataset's images
    rejected:        reason -> how many of those without a face
    lost:            of the images of each published split and of each class those where a detector
                     found nothing; null where there was no detector
    constant, faint: images without any contrast, and with little
    tiny:            images from a picture whose shorter side is below TINY
    all, and name -> the same under "classes": {"images", "brightness", "contrast"}

    An image's brightness is the mean of its grey levels (0 to 255), its contrast their standard
    deviation; of either {"mean", "std"} over the images, both null where there is none. A mean face
    of none is black.
    """
    images = images.sort("face")
    names = classes(images)
    label = images["label"].to_physical().to_numpy()
    face = images["face"].to_numpy()
    sums = np.zeros((len(names), int(np.prod(stored.shape[1:]))))
    levels = np.zeros((len(face), 2))
    for start in range(0, len(face), block):
        here = slice(start, start + block)
        faces = stored[face[here]]
        sums += np.eye(len(names))[label[here]].T @ faces.reshape(len(faces), -1)
        grey = (faces if faces.shape[-1] == 1 else faces @ RGB).reshape(len(faces), -1)
        levels[here] = np.column_stack([grey.mean(axis=1), grey.std(axis=1)])
    table = pl.DataFrame(levels, ["brightness", "contrast"]).with_columns(images["label"])
    contrast, shorter = table["contrast"], pl.min_horizontal("height", "width")
    lost = {name: _lost(images, name) for name in ("published", "label")}
    statistics = {
        "size": list(stored.shape[1:]),
        "outcomes": _counts(aligned["outcome"]),
        "rejected": _counts(aligned.filter(pl.col("face").is_null())["reason"]),
        "lost": lost if "detected" in images["outcome"] else None,
        "constant": int((contrast == 0).sum()),
        "faint": int(((contrast > 0) & (contrast < FAINT)).sum()),
        "tiny": images.filter(shorter < TINY).height,
        "all": _statistics(table),
        "classes": {name: _statistics(table.filter(pl.col("label") == name)) for name in names},
    }
    counts = np.bincount(label, minlength=len(names))[:, None]
    means = np.vstack([sums.sum(axis=0), sums]) / np.maximum(np.vstack([counts.sum(), counts]), 1)
    return statistics, np.rint(means).astype(np.uint8).reshape(-1, *stored.shape[1:])


def _statistics(levels: pl.DataFrame) -> dict[str, Any]:
    both = {
        name: {"mean": levels[name].mean(), "std": levels[name].std(ddof=0)}
        for name in ("brightness", "contrast")
    }
    return {"images": len(levels), **both}


def _counts(values: pl.Series) -> dict[str, int]:
    """Largest first; of equals, in the order of their names."""
    counts = values.drop_nulls().value_counts(name="count").sort(values.name)
    return dict(counts.sort("count", descending=True, maintain_order=True).iter_rows())


def _lost(images: pl.DataFrame, column: str) -> dict[str, dict[str, int]]:
    lost = pl.col("outcome").is_in(LOST).sum()
    groups = images.group_by(pl.col(column).cast(pl.String), maintain_order=True)
    return {name: {"images": n, "of": of} for name, n, of in groups.agg(lost, pl.len()).iter_rows()}
