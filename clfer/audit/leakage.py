"""Identical images and near duplicates across splits, and the classes of each split."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int
from scipy.sparse import coo_array

from clfer.datasets.labels import classes
from clfer.datasets.splits import SPLITS, copied_in

TEST = SPLITS.index("test")  # behind train and val


def leakage(split: pl.DataFrame) -> dict[str, Any]:
    """From the table of `split`: counts over the rows with a label and a face, as JSON takes them.

    images:   per split the images published and used, and both per class
    test_copied_in_train_or_val, val_copied_in_train: images with an identical one there, `of` how
              many, and both per class
    groups:   of identical images, with at least two; how many images they hold; how many of the
              groups carry different labels
    unused:   reason -> rows that are in no split, those without label or face included
    """
    images = split.filter(pl.col("unique").is_not_null())
    groups = images.group_by("group").agg(pl.len(), labels=pl.col("label").n_unique())
    groups = groups.filter(pl.col("len") > 1)
    parts = {name: images.filter(pl.col("published") == name) for name in SPLITS}
    copies = {
        name: images.filter(copied_in(*others)).filter(pl.col("published") == name)
        for name, others in (("test", ("train", "val")), ("val", ("train",)))
    }
    return {
        "images": {
            name: _both("published", parts[name], "used", images.filter(pl.col("split") == name))
            for name in SPLITS
        },
        "test_copied_in_train_or_val": _both("images", copies["test"], "of", parts["test"]),
        "val_copied_in_train": _both("images", copies["val"], "of", parts["val"]),
        "groups": {
            "groups": len(groups),
            "images": int(groups["len"].sum()),
            "conflicting_labels": len(groups.filter(pl.col("labels") > 1)),
        },
        "unused": dict(split["reason"].drop_nulls().value_counts(sort=True).iter_rows()),
    }


def per_class(images: pl.DataFrame) -> dict[str, int]:
    """Images of each class, in the order of the classes."""
    counts = dict(images.group_by(pl.col("label").cast(pl.String)).len().iter_rows())
    return {name: counts.get(name, 0) for name in classes(images)}


def _both(one: str, rows: pl.DataFrame, other: str, others: pl.DataFrame) -> dict[str, Any]:
    """Two counts under their names, and the same for every class."""
    mine, theirs = per_class(rows), per_class(others)
    each = {name: {one: mine[name], other: theirs[name]} for name in mine}
    return {one: len(rows), other: len(others), "classes": each}


def identical_between(images: pl.DataFrame) -> dict[str, dict[str, int]]:
    """For each published split the images in it that have another identical one in each split."""
    counts = _counts(images, "published")
    others = counts[:, None, :] - np.eye(len(SPLITS), dtype=int)  # an image is no copy of itself
    return _table((counts[:, :, None] * (others > 0)).sum(axis=0))


def near_between(images: pl.DataFrame, pairs: pl.DataFrame) -> dict[str, Any]:
    """The same of near duplicates, and how many leak through them alone; see `report`."""
    published, used = _counts(images, "published"), _counts(images, "split")
    group = dict(images.select("row", "group").iter_rows())
    a, b = (np.array([group[row] for row in pairs[name]], int) for name in "ab")
    ends = (np.concatenate([a, b]), np.concatenate([b, a]))
    near = coo_array((np.ones(2 * len(pairs), int), ends), shape=(len(published),) * 2).tocsr()
    there, left = near @ published > 0, near @ used > 0
    alone = there[:, :TEST].any(axis=1) & ~published[:, :TEST].any(axis=1)
    test = images.filter(pl.col("published") == "test")
    leaking = test.filter(pl.Series(alone[test["group"].to_numpy()], dtype=pl.Boolean))
    return {
        "between": _table((published[:, :, None] * there[:, None, :]).sum(axis=0)),
        "beyond_identical": {
            "images": len(leaking),
            "of": len(test),
            "classes": per_class(leaking),
        },
        "left": {
            "images": int(used[left[:, :TEST].any(axis=1), TEST].sum()),
            "of": int(used[:, TEST].sum()),
        },
    }


def _counts(images: pl.DataFrame, column: str) -> Int[np.ndarray, "G 3"]:
    """Images of each group in each split, the group's number being the row."""
    counts = np.zeros((max(images["group"], default=-1) + 1, len(SPLITS)), np.int64)
    there = images.filter(pl.col(column).is_not_null())
    place = there[column].cast(pl.Enum(SPLITS)).to_physical().to_numpy()
    np.add.at(counts, (there["group"].to_numpy(), place), 1)
    return counts


def _table(counts: Int[np.ndarray, "3 3"]) -> dict[str, dict[str, int]]:
    rows = (dict(zip(SPLITS, row, strict=True)) for row in counts.tolist())
    return dict(zip(SPLITS, rows, strict=True))
