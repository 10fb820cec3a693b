"""Everything to know of a dataset before it is trusted, in one document."""

import json
from typing import Any

import polars as pl

from clfer.audit.images import Means, Stored, agreement, appearance, repeated
from clfer.audit.leakage import identical_between, leakage, near_between
from clfer.audit.near import near_duplicates
from clfer.errors import InputError

SHOWN = 12  # pairs of a kind
DIGITS = 4  # of the numbers, so that another machine writes the same bytes


def report(
    split: pl.DataFrame,
    labels: pl.DataFrame,
    aligned: pl.DataFrame,
    faces: Stored,
    threshold: float,
    crops: bool,
) -> tuple[dict[str, Any], pl.DataFrame, Means]:
    """The audit as JSON takes it, the pairs of near duplicates, and the mean faces, of all images
    and of each class.

    split, labels, aligned, faces: what the stages `split`, `relabel` and `align` wrote
    threshold, crops: see `near_duplicates`

    rows:      of the dataset, with or without a label
    leakage:   see `leakage`: classes by split, copies across splits
    imbalance: per split, published and used, the largest class over the smallest; null where a
               class has no image
    identical: `between`: per published split, how many images have an identical one in each split
    near:      `threshold`; `pairs`, of them `mirrored` and `cropped` ones (null without `crops`);
               the rest see `near_between`
    raters:    see `agreement`; null where there are no votes
    repeated:  see `repeated`: of identical images, and of near duplicates
    faces:     see `appearance`

    The pairs have `a` and `b` (rows of the split table) and the rest of `near_duplicates`; of
    identical images one stands for all. InputError: the tables are not of the same images.
    """
    same = all(
        table.select("row", column).equals(split.select("row", column))
        for table, column in ((aligned, "face"), (labels, "label"))
    )
    if not same or len(faces) != len(split):
        raise InputError(
            f"split: expected the images of the present labels and {len(faces):,} faces, found "
            f"{len(split):,} others; run `clfer split` again"
        )
    images = split.filter(pl.col("unique").is_not_null())
    for more, columns in ((labels, ["votes"]), (aligned, ["height", "width", "outcome"])):
        images = images.join(more.select("row", *columns), on="row", maintain_order="left")
    distinct = images.filter(pl.col("group").is_first_distinct())
    pairs = near_duplicates(faces[distinct["face"].to_numpy()], threshold, crops)
    pairs = pairs.with_columns(distinct["row"].gather(pairs[name]).alias(name) for name in "ab")
    both = pl.concat([pairs.with_row_index("pair").select("pair", row=name) for name in "ab"])
    both = both.join(images.select("row", "label", "votes"), on="row")
    counted = leakage(split)
    about_faces, means = appearance(images, aligned, faces)
    document = {
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
        "repeated": {"identical": repeated(images, "group"), "near": repeated(both, "pair")},
        "faces": about_faces,
    }
    rounded = json.loads(json.dumps(document), parse_float=lambda text: round(float(text), DIGITS))
    return rounded, pairs, means


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


def _imbalance(counts: dict[str, Any], kind: str) -> float | None:
    sizes = [one[kind] for one in counts["classes"].values()]
    return max(sizes) / min(sizes) if min(sizes) else None
