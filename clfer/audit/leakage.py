"""Identical images in several splits, and the classes of each split, from the table of `split`."""

from typing import Any

import polars as pl

from clfer.datasets.labels import classes
from clfer.datasets.splits import SPLITS, copied_in


def leakage(split: pl.DataFrame) -> dict[str, Any]:
    """Counts over the rows with a label and a face, as JSON takes them.

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


def lines(found: dict[str, Any]) -> list[str]:
    """The result of `leakage` in a few lines for a terminal."""
    images, groups = found["images"], found["groups"]
    test, val = found["test_copied_in_train_or_val"], found["val_copied_in_train"]
    used, published = (
        ", ".join(f"{name} {images[name][kind]:,}" for name in SPLITS)
        for kind in ("used", "published")
    )
    unused = ", ".join(f"{count:,} {reason}" for reason, count in found["unused"].items())
    return [
        f"used: {used}",
        f"published with a label: {published}",
        f"{test['images']:,} of {test['of']:,} test images also stand in train or val as published",
        f"{val['images']:,} of {val['of']:,} val images also stand in train as published",
        f"{groups['groups']:,} groups of identical images, {groups['conflicting_labels']:,} of "
        "them with conflicting labels",
        f"unused: {unused or 'none'}",
    ]
