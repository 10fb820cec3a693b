"""How the faces of a dataset came, how bright they are, and what they look like on average.

N stored faces of side S with C channels; K classes. They can be more than memory holds: no more
than a block of them is looked at at a time.
"""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8

from clfer.datasets.labels import classes

BLOCK = 256  # faces
GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue: ITU-R BT.601, as OpenCV has it

Stored = UInt8[np.ndarray, "N S S C"]


def appearance(
    table: pl.DataFrame, stored: Stored, block: int = BLOCK
) -> tuple[dict[str, Any], UInt8[np.ndarray, "M S S C"]]:
    """Statistics of the faces, and M = K + 1 mean faces: of all images, then of each class.

    table: of `clfer.description.rows`; `face` is an index into `stored`. Looked at are the images
    with a label and a face, whatever their split; a mean face of none is black.

    outcomes: of `clfer.faces.cropping.Fate` -> how many of the dataset's images
    rejected: reason -> how many
    size:     [S, S, C]
    all, and for each name below "classes": {"images": how many, "brightness": ..., "contrast": ...}

    An image's brightness is the mean of its grey levels (0 to 255), its contrast their standard
    deviation; of either stand {"mean", "std"} over the images, both null where there is none.
    """
    images = table.filter(pl.col("label").is_not_null() & pl.col("face").is_not_null()).sort("face")
    label = images["label"].to_physical().cast(pl.Int64).to_numpy()
    names = classes(images)
    sums, levels = _passed(stored, images["face"].to_numpy(), label, len(names), block)
    counts = np.bincount(label, minlength=len(names))
    sums = np.concatenate([sums.sum(axis=0, keepdims=True), sums])
    each = np.maximum([counts.sum(), *counts], 1)[:, None, None, None]
    found = {
        "outcomes": _tally(table["outcome"]),
        "rejected": _tally(table.filter(pl.col("outcome") == "rejected")["reason"]),
        "size": list(stored.shape[1:]),
        "all": _statistics(levels),
        "classes": {name: _statistics(levels[label == i]) for i, name in enumerate(names)},
    }
    return found, np.rint(sums / each).astype(np.uint8)


def _passed(
    stored: Stored,
    face: Int[np.ndarray, " R"],
    label: Int[np.ndarray, " R"],
    classes: int,
    block: int,
) -> tuple[Int[np.ndarray, "K S S C"], Float[np.ndarray, "R 2"]]:
    """One pass over the faces: the sum of each class, and brightness and contrast of each face.

    Sums of whole numbers are exact, so that the size of a block changes nothing.
    """
    sums = np.zeros((classes, *stored.shape[1:]), np.int64)
    levels = np.zeros((len(face), 2))
    for start in range(0, len(face), block):
        here = slice(start, start + block)
        faces = stored[face[here]]
        for one in np.unique(label[here]):
            sums[one] += faces[label[here] == one].sum(axis=0, dtype=np.int64)
        grey = grey_levels(faces).reshape(len(faces), -1)
        levels[here] = np.column_stack([grey.mean(axis=1), grey.std(axis=1)])
    return sums, levels


def grey_levels(faces: UInt8[np.ndarray, "B S S C"]) -> Float[np.ndarray, "B S S"]:
    """From 0 to 255, whatever the channels: one of grey, or red, green and blue."""
    if faces.shape[-1] == 1:
        return faces[..., 0].astype(np.float64)
    levels: Float[np.ndarray, "B S S"] = faces @ GREY
    return levels


def _statistics(levels: Float[np.ndarray, "R 2"]) -> dict[str, Any]:
    if not len(levels):
        nothing = {"mean": None, "std": None}
        return {"images": 0, "brightness": nothing, "contrast": nothing}
    means, stds = levels.mean(axis=0).tolist(), levels.std(axis=0).tolist()
    both = [{"mean": mean, "std": std} for mean, std in zip(means, stds, strict=True)]
    return {"images": len(levels), "brightness": both[0], "contrast": both[1]}


def _tally(values: pl.Series) -> dict[str, int]:
    """Largest first; of equals, in the order of their names."""
    counts = values.fill_null("unknown").value_counts(name="count").sort(values.name)
    return dict(counts.sort("count", descending=True, maintain_order=True).iter_rows())
