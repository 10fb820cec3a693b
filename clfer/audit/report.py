"""Everything that is to be known before a dataset is trusted, in one document."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.audit.agreement import agreement
from clfer.audit.leakage import leakage
from clfer.audit.near import near
from clfer.audit.quality import contrast, quality
from clfer.datasets.splits import SPLITS


def report(
    split: pl.DataFrame,
    labels: pl.DataFrame,
    aligned: pl.DataFrame,
    faces: UInt8[np.ndarray, "N S S C"],
    threshold: float,
    crops: bool,
) -> tuple[dict[str, Any], pl.DataFrame]:
    """The audit of a dataset, as plain numbers that JSON takes, and the pairs of near duplicates.

    split, labels, aligned, faces: what the stages `split`, `relabel` and `align` wrote
    threshold: least correlation of near duplicates; crops: whether to look for other crops; see
               `near`

    leakage:   see `clfer.audit.leakage`
    identical: images with an identical one, as `between`
    near:      `threshold`; `pairs`, of them `mirrored` and `cropped` ones (null without `crops`);
               the images that have a near duplicate, an identical one aside, as `between`;
               `beyond_identical`, the test images with a near duplicate in train or val and no
               identical one there, of how many and by class; `left`, the test images with a near
               duplicate among those that `split` leaves in train or val; `same_label`, the share of
               pairs with equal label
    raters:    see `agreement`: of identical images, and of near duplicates
    balance:   per split the largest class over the smallest, of the images used
    quality:   see `quality`

    The pairs have `a` and `b` (rows of the split table) and the rest of `near`; of identical
    images one stands for all.
    """
    images = split.filter(pl.col("unique").is_not_null())
    images = images.join(labels.select("row", "votes"), on="row", maintain_order="left")
    columns = aligned.select("row", "height", "width", "outcome")
    images = images.join(columns, on="row", maintain_order="left")
    distinct = images.filter(pl.col("group").is_first_distinct())
    pairs = _pairs(distinct, faces, threshold, crops)
    edges = _edges(pairs, images)
    found = {
        "leakage": leakage(split),
        "identical": between(images, images.select("group", other="group")),
        "near": {
            "threshold": threshold,
            "pairs": len(pairs),
            "mirrored": int(pairs["mirrored"].sum()),
            "cropped": int(pairs["cropped"].sum()) if crops else None,
            **between(images, edges),
            "beyond_identical": _beyond(images, edges),
            "left": _left(images, edges),
            "same_label": _same_label(pairs, images),
        },
        "raters": {
            "identical": agreement(images, "group"),
            "near": agreement(_together(images, pairs), "cluster"),
        },
        "balance": {name: _balance(images.filter(split=name)) for name in SPLITS},
        "quality": quality(
            images,
            aligned.filter(pl.col("face").is_null()),
            contrast(faces[images["face"].to_numpy()]),
        ),
    }
    return found, pairs


def between(images: pl.DataFrame, edges: pl.DataFrame) -> dict[str, Any]:
    """For each published split the `images` in it that have another one in each split.

    edges: `group` and `other`, groups whose images belong together; a group with itself means its
    other images
    """
    places = images.select("group", "published").rename({"group": "other", "published": "in"})
    # where the images of the other groups are, and how many
    there = edges.unique().join(places, on="other").group_by("group", "other", "in").agg(pl.len())
    mine = images.select("row", "group", "published").join(there, on="group")
    itself = (pl.col("group") == pl.col("other")) & (pl.col("published") == pl.col("in"))
    found = mine.filter(pl.col("len") - itself.cast(pl.Int64) > 0)
    counts = found.unique(["row", "in"]).group_by("published", "in").agg(pl.len())
    table = {(row, column): count for row, column, count in counts.iter_rows()}
    return {
        "between": {row: {other: table.get((row, other), 0) for other in SPLITS} for row in SPLITS}
    }


def _pairs(
    distinct: pl.DataFrame, faces: UInt8[np.ndarray, "N S S C"], threshold: float, crops: bool
) -> pl.DataFrame:
    """Near duplicates among pictures that differ, as rows of the table."""
    found = near(faces[distinct["face"].to_numpy()], threshold, crops)
    return found.with_columns(distinct["row"].gather(found[name]).alias(name) for name in "ab")


def _edges(pairs: pl.DataFrame, images: pl.DataFrame) -> pl.DataFrame:
    """`group` and `other` of each pair, both ways."""
    group = dict(images.select("row", "group").iter_rows())
    a, b = ([group[row] for row in pairs[name]] for name in "ab")
    return pl.DataFrame(
        {"group": [*a, *b], "other": [*b, *a]}, schema={"group": pl.Int64, "other": pl.Int64}
    )


def _beyond(images: pl.DataFrame, edges: pl.DataFrame) -> dict[str, Any]:
    """Test images that leak through near duplicates alone."""
    outside = images.filter(pl.col("published") != "test")["group"].implode()
    touched = edges.filter(pl.col("other").is_in(outside))["group"].implode()
    test = images.filter(pl.col("published") == "test")
    leaking = test.filter(pl.col("group").is_in(touched) & ~pl.col("group").is_in(outside))
    classes = leaking["label"].to_list()
    kind = images.schema["label"]
    assert isinstance(kind, pl.Enum)
    by_class = {name: classes.count(name) for name in kind.categories}
    return {"images": len(leaking), "of": len(test), "classes": by_class}


def _left(images: pl.DataFrame, edges: pl.DataFrame) -> dict[str, int]:
    used = images.filter(pl.col("split").is_in(["train", "val"]))["group"].implode()
    touched = edges.filter(pl.col("other").is_in(used))["group"].implode()
    test = images.filter(pl.col("split") == "test")
    return {"images": test.filter(pl.col("group").is_in(touched)).height, "of": len(test)}


def _same_label(pairs: pl.DataFrame, images: pl.DataFrame) -> float | None:
    label = dict(images.select("row", pl.col("label").cast(pl.String)).iter_rows())
    same = [label[a] == label[b] for a, b in pairs.select("a", "b").iter_rows()]
    return float(np.mean(same)) if same else None


def _together(images: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The two images of each pair, as a `cluster`."""
    long = pl.concat(
        [pairs.select(pl.int_range(pl.len()).alias("cluster"), row=name) for name in "ab"]
    )
    return long.join(images.select("row", "label", "votes"), on="row")


def _balance(images: pl.DataFrame) -> float | None:
    counts = images["label"].value_counts()["count"].to_numpy()
    return float(counts.max() / counts.min()) if len(counts) else None
