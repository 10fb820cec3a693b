"""What identical images in several splits amount to, counted on the table of `splits.split`."""

from typing import Any

import polars as pl

from clfer.datasets.splits import SPLITS, copied_in


def leakage(split_table: pl.DataFrame) -> dict[str, Any]:
    """Counts over the rows with a label and a face, as plain numbers that JSON takes.

    images:   per split the images published and used, and both per class
    test_copied_in_train_or_val, val_copied_in_train: images with an identical one there, `of` how
              many, and both per class
    groups:   of identical images, with at least two; how many images they hold; how many of the
              groups carry different labels
    unused:   per reason, the rows that are in no split (here those without label or face, too)
    """
    images = split_table.filter(pl.col("unique").is_not_null())
    train_or_val = images.with_columns(copied=copied_in("train", "val"))
    train = images.with_columns(copied=copied_in("train"))
    return {
        "images": {name: _sizes(images, name) for name in SPLITS},
        "test_copied_in_train_or_val": _copied(train_or_val, "test"),
        "val_copied_in_train": _copied(train, "val"),
        "groups": _groups(images),
        "unused": dict(split_table["reason"].drop_nulls().value_counts(sort=True).iter_rows()),
    }


def _sizes(images: pl.DataFrame, name: str) -> dict[str, Any]:
    published = images.filter(pl.col("published") == name)
    used = images.filter(pl.col("split") == name)
    return _both("published", published, "used", used)


def _copied(images: pl.DataFrame, name: str) -> dict[str, Any]:
    here = images.filter(pl.col("published") == name)
    return _both("images", here.filter("copied"), "of", here)


def _both(one: str, rows: pl.DataFrame, other: str, others: pl.DataFrame) -> dict[str, Any]:
    """Two counts under their names, and the same for every class."""
    mine, theirs = _per_class(rows), _per_class(others)
    classes = {name: {one: mine[name], other: theirs[name]} for name in mine}
    return {one: len(rows), other: len(others), "classes": classes}


def _per_class(rows: pl.DataFrame) -> dict[str, int]:
    classes = rows.schema["label"]
    assert isinstance(classes, pl.Enum)
    labels = rows["label"].to_list()
    return {name: labels.count(name) for name in classes.categories}


def _groups(images: pl.DataFrame) -> dict[str, int]:
    groups = images.group_by("group").agg(pl.len().alias("size"), pl.col("label").n_unique())
    groups = groups.filter(pl.col("size") > 1)
    return {
        "groups": len(groups),
        "images": sum(groups["size"]),
        "conflicting_labels": len(groups.filter(pl.col("label") > 1)),
    }


def describe(found: dict[str, Any]) -> list[str]:
    """What `leakage` counted, in a few lines."""
    images, test, val = (
        found[key] for key in ("images", "test_copied_in_train_or_val", "val_copied_in_train")
    )
    sizes = ", ".join(f"{name} {images[name]['used']:,}" for name in SPLITS)
    before = ", ".join(f"{name} {images[name]['published']:,}" for name in SPLITS)
    groups = found["groups"]
    unused = ", ".join(f"{count:,} {reason}" for reason, count in found["unused"].items())
    return [
        f"used: {sizes} (published with a label: {before})",
        f"leakage as published: {test['images']:,} of {test['of']:,} test images also stand in "
        f"train or val, {val['images']:,} of {val['of']:,} val images in train",
        f"{groups['groups']:,} groups of identical images, {groups['conflicting_labels']:,} of "
        "them with conflicting labels",
        f"unused: {unused or 'none'}",
    ]
