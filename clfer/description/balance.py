"""How many images each class has in each split."""

from typing import Any

import polars as pl

from clfer.datasets.labels import classes
from clfer.datasets.splits import SPLITS


def balance(table: pl.DataFrame) -> dict[str, Any]:
    """For each split that has an image: {"published": counts, "used": counts}.

    table: of `clfer.description.rows`. Published are its images with a label, whether or not a face
    was found; used are those that `split` names. Counts are

    images:    how many
    classes:   name -> {"images": how many, "share": of the split's images, 0 where it has none}
    imbalance: images of the largest class for each of the smallest; null where a class has none
    """
    labelled = table.filter(pl.col("label").is_not_null())
    found = {
        part: {
            "published": _counts(labelled.filter(pl.col("published") == part)),
            "used": _counts(labelled.filter(pl.col("split") == part)),
        }
        for part in SPLITS
    }
    return {part: both for part, both in found.items() if any(n["images"] for n in both.values())}


def _counts(images: pl.DataFrame) -> dict[str, Any]:
    labels = images["label"].to_list()
    counts = {name: labels.count(name) for name in classes(images)}
    smallest = min(counts.values())
    return {
        "images": len(images),
        "classes": {
            name: {"images": count, "share": count / max(len(images), 1)}
            for name, count in counts.items()
        },
        "imbalance": max(counts.values()) / smallest if smallest else None,
    }
