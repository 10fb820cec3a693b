"""Everything to know of a dataset before it is trusted, in one document."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int, UInt8
from scipy.sparse import coo_array

from clfer.audit.faces import appearance
from clfer.audit.leakage import leakage, per_class
from clfer.audit.near import near_duplicates
from clfer.audit.raters import agreement, repeated
from clfer.datasets.splits import SPLITS
from clfer.errors import InputError

SHOWN = 12  # pairs of a kind
TEST = SPLITS.index("test")  # behind train and val
DIGITS = 4  # of the numbers, so that another machine writes the same bytes


def report(
    split: pl.DataFrame,
    labels: pl.DataFrame,
    aligned: pl.DataFrame,
    faces: UInt8[np.ndarray, "N S S C"],
    threshold: float,
    crops: bool,
) -> tuple[dict[str, Any], pl.DataFrame, UInt8[np.ndarray, "M S S C"]]:
    """The audit as JSON takes it, the pairs of near duplicates, and the mean faces, of all images
    and of each class.

    split, labels, aligned, faces: what the stages `split`, `relabel` and `align` wrote
    threshold, crops: see `near_duplicates`

    rows:      of the dataset, with or without a label
    leakage:   see `clfer.audit.leakage`: classes by split, copies across splits
    imbalance: per split, published and used, the largest class over the smallest; null where a
               class has no image
    identical: `between`: per published split, how many images have an identical one in each split
    near:      `threshold`; `pairs`, of them `mirrored` and `cropped` ones (null without `crops`);
               `between` as above; `beyond_identical`, the test images with a near duplicate in
               train or val and no identical one there, of how many and by class; `left`, the test
               images with a near duplicate among those that `split` leaves in train or val
    raters:    see `raters.agreement`; null where there are no votes
    repeated:  see `raters.repeated`: of identical images, and of near duplicates
    faces:     see `clfer.audit.faces`

    The pairs have `a` and `b` (rows of the split table) and the rest of `near_duplicates`; of
    identical images one stands for all. InputError: the tables are not of the same images.
    """
    _check(split, labels, aligned, faces)
    images = split.filter(pl.col("unique").is_not_null())
    images = images.join(labels.select("row", "votes"), on="row", maintain_order="left")
    how = aligned.select("row", "height", "width", "outcome")
    images = images.join(how, on="row", maintain_order="left")
    distinct = images.filter(pl.col("group").is_first_distinct())
    pairs = near_duplicates(faces[distinct["face"].to_numpy()], threshold, crops)
    pairs = pairs.with_columns(distinct["row"].gather(pairs[name]).alias(name) for name in "ab")
    counted = leakage(split)
    about_faces, means = appearance(images, aligned, faces)
    found = {
        "rows": len(split),
        "leakage": counted,
        "imbalance": {
            name: {kind: _imbalance(counts, kind) for kind in ("published", "used")}
            for name, counts in counted["images"].items()
        },
        "identical": {"between": identical_between(images)},
        "near": {
            "threshold": threshold,
            "pairs": len(pairs),
            "mirrored": int(pairs["mirrored"].sum()),
            "cropped": int(pairs["cropped"].sum()) if crops else None,
            **near_between(images, pairs),
        },
        "raters": agreement(labels),
        "repeated": {
            "identical": repeated(images, "group"),
            "near": repeated(_together(images, pairs), "pair"),
        },
        "faces": about_faces,
    }
    return _rounded(found), pairs, means


def examples(split: pl.DataFrame, pairs: pl.DataFrame) -> dict[str, list[tuple[int, int]]]:
    """Pairs of rows for people to look at, by kind: those that cost most, and those to doubt."""
    images = split.filter(pl.col("unique").is_not_null())
    other = pl.col("row").filter(pl.col("label") != pl.col("label").first()).first()
    conflicting = images.group_by("group", maintain_order=True).agg(a=pl.first("row"), b=other)
    test = images.filter(pl.col("published") == "test")["row"].implode()
    least_alike = pairs.sort("correlation", "a", "b")
    leaking = least_alike.filter(pl.col("a").is_in(test) != pl.col("b").is_in(test))
    kinds = {
        "identical, with different labels": conflicting.drop_nulls("b"),
        "nearly the same, in test and elsewhere": leaking,
        "nearly the same when mirrored": least_alike.filter("mirrored"),
    }
    return {kind: some.select("a", "b").head(SHOWN).rows() for kind, some in kinds.items()}


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


def _imbalance(counts: dict[str, Any], kind: str) -> float | None:
    sizes = [one[kind] for one in counts["classes"].values()]
    return max(sizes) / min(sizes) if min(sizes) else None


def _together(images: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """The two images of each pair, with its number as `pair`."""
    numbered = pairs.with_row_index("pair")
    both = pl.concat([numbered.select("pair", row=name) for name in "ab"])
    return both.join(images.select("row", "label", "votes"), on="row")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, DIGITS) if isinstance(value, float) else value


def _check(
    split: pl.DataFrame,
    labels: pl.DataFrame,
    aligned: pl.DataFrame,
    faces: UInt8[np.ndarray, "N S S C"],
) -> None:
    same = all(
        table.select("row", column).equals(split.select("row", column))
        for table, column in ((aligned, "face"), (labels, "label"))
    )
    if not same or len(faces) != len(split):
        raise InputError(
            f"split: expected the images of the present labels and {len(faces):,} faces, found "
            f"{len(split):,} others; run `clfer split` again"
        )
