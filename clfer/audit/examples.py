"""Which pairs of images to show people: those that cost most, and those to doubt."""

import polars as pl

SHOWN = 12  # pairs of a kind


def conflicting(split: pl.DataFrame) -> pl.DataFrame:
    """`a`, `b`: rows of identical images with different labels, one pair of a group."""
    images = split.filter(pl.col("unique").is_not_null())
    groups = images.group_by("group", maintain_order=True).agg("row", "label")
    pairs = []
    for rows, labels in groups.select("row", "label").iter_rows():
        other = next((i for i, label in enumerate(labels) if label != labels[0]), None)
        if other is not None:
            pairs.append((rows[0], rows[other]))
    return _table(pairs)


def leaking(split: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Near duplicates of a test image and one of train or val, the least alike first."""
    place = dict(split.select("row", "published").iter_rows())
    apart = [(place[a] == "test") != (place[b] == "test") for a, b in _rows(pairs)]
    return _table(_rows(pairs.filter(pl.Series(apart, dtype=pl.Boolean)).sort("correlation")))


def mirrored(pairs: pl.DataFrame) -> pl.DataFrame:
    """Near duplicates of which one is mirrored, the least alike first."""
    return _table(_rows(pairs.filter("mirrored").sort("correlation")))


def _rows(pairs: pl.DataFrame) -> list[tuple[int, int]]:
    return list(pairs.select("a", "b").iter_rows())


def _table(pairs: list[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(pairs[:SHOWN], {"a": pl.Int64, "b": pl.Int64}, orient="row")
