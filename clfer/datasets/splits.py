"""Which images train, select and test, with identical images in several splits accounted for.

An image here is a row with a label and a face; the others are in no split.
"""

import hashlib
from itertools import product
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64, UInt8
from pydantic import Field

from clfer.errors import InputError
from clfer.settings import Settings

SPLITS = ("train", "val", "test")
COLUMNS = ["row", "face", "label", "target", "published", "split", "reason", "group", "unique"]


class Split(Settings):
    """`val_fraction` of train becomes val where none is published; copies are dropped or kept."""

    seed: int = Field(ge=0)
    val_fraction: float = Field(gt=0, lt=1)
    duplicates: Literal["drop", "keep"]


def duplicate_groups(faces: UInt8[np.ndarray, "N ..."]) -> Int64[np.ndarray, "N"]:
    """For each face the index of the first that is identical to it, its own where none is."""
    first: dict[bytes, int] = {}
    digests = (hashlib.sha256(face.tobytes()).digest() for face in faces)
    return np.array([first.setdefault(digest, i) for i, digest in enumerate(digests)], np.int64)


def split(
    table: pl.DataFrame,
    faces: UInt8[np.ndarray, "F ..."],
    classes: tuple[str, ...],
    settings: Split,
) -> pl.DataFrame:
    """The table's rows with COLUMNS: `split` is null where `reason` says why, and else train, val
    or test; `group` is the `duplicate_groups` of the face; `unique` says that no identical image
    was published for another split (null where the row is no image).

    table: `row`, `published` (one of SPLITS), `label` (null where dropped), `target`, `face` (index
    into `faces`, null where there is none). With `drop`, copies of test images leave train and val
    and copies of val images leave train; never the reverse, and never within a split. Where no val
    is published, whole groups of train become val. InputError: a class is left without an image.
    """
    groups = pl.Series(duplicate_groups(faces), dtype=pl.Int64)
    rows = table.with_columns(
        pl.col("label").cast(pl.Enum(classes)), group=groups.gather(table["face"])
    )
    rows = rows.with_columns(reason=_reason(settings.duplicates), unique=_unique())
    rows = rows.with_columns(split=pl.when(pl.col("reason").is_null()).then("published"))
    if "val" not in rows["published"]:
        rows = _with_val(rows, settings)
    _check(rows, classes)
    return rows.select(COLUMNS)


def hold_out(
    labels: Int64[np.ndarray, "N"], groups: Int64[np.ndarray, "N"], fraction: float, seed: int
) -> Bool[np.ndarray, "N"]:
    """Which of N images to hold out: whole groups, drawn by `seed`, close to `fraction` per class.

    A group counts for the class of its first image. A group too large for what its class has still
    to give stays, so that no class gives more than its quota.
    """
    _, first, member_of, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    group_class = labels[first]
    left = quotas(np.bincount(group_class[member_of]), fraction)
    held_out = np.zeros(len(sizes), bool)
    for group in np.random.default_rng(seed).permutation(len(sizes)):
        if sizes[group] <= left[group_class[group]]:
            left[group_class[group]] -= sizes[group]
            held_out[group] = True
    return held_out[member_of]


def quotas(counts: Int64[np.ndarray, "C"], fraction: float) -> Int64[np.ndarray, "C"]:
    """`fraction` of each class's count, rounded by largest remainder so that the sum is right.

    Then at least one and at most all but one, where a class has two: each side needs an image.
    """
    exact = counts * fraction
    shares = np.floor(exact).astype(np.int64)
    missing = round(exact.sum()) - shares.sum()
    shares[np.argsort(shares - exact, stable=True)[:missing]] += 1
    return shares.clip(counts > 1, np.maximum(counts - 1, 0))


def _is_image() -> pl.Expr:
    return pl.col("label").is_not_null() & pl.col("face").is_not_null()


def copied_in(*splits: str) -> pl.Expr:
    """Whether an identical image (or the image itself) was published for one of these splits."""
    return (_is_image() & pl.col("published").is_in(splits)).any().over("group")


def _reason(duplicates: str) -> pl.Expr:
    published, drop = pl.col("published"), pl.lit(duplicates == "drop")
    return (
        pl.when(pl.col("label").is_null())
        .then(pl.lit("no label"))
        .when(pl.col("face").is_null())
        .then(pl.lit("no face"))
        .when(drop & (published != "test") & copied_in("test"))
        .then(pl.lit("copy of a test image"))
        .when(drop & (published == "train") & copied_in("val"))
        .then(pl.lit("copy of a val image"))
    )


def _unique() -> pl.Expr:
    published = pl.col("published").filter(_is_image())
    return pl.when(_is_image()).then(published.n_unique().over("group") == 1)


def _with_val(rows: pl.DataFrame, settings: Split) -> pl.DataFrame:
    """The rows, with some of train moved to val."""
    train = rows.filter(pl.col("split") == "train")
    labels = train["label"].to_physical().cast(pl.Int64).to_numpy()
    held_out = hold_out(labels, train["group"].to_numpy(), settings.val_fraction, settings.seed)
    val = train.filter(pl.Series(held_out, dtype=pl.Boolean))["row"].implode()
    moved = pl.when(pl.col("row").is_in(val)).then(pl.lit("val")).otherwise("split")
    return rows.with_columns(split=moved)


def _check(rows: pl.DataFrame, classes: tuple[str, ...]) -> None:
    """InputError unless every class has an image in every split."""
    for part, name in product(SPLITS, classes):
        if rows.filter(split=part, label=name).is_empty():
            raise InputError(
                f"split: expected images of every class, no images of {name!r} are left in {part} "
                "(published there with this label: "
                f"{len(rows.filter(published=part, label=name))}); add images of it, set "
                "split.duplicates to keep, raise split.val_fraction or take another labels.mode"
            )
