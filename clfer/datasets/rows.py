"""Rows of label lists: joined to their images, and counted against the published numbers."""

from collections.abc import Callable, Collection, Iterable, Sequence

import polars as pl

from clfer.datasets.listing import remark


def settled(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The first row of every image, in order; what was wrong, for people.

    rows: `usage`, `key` (the image, the same for the same one), `label`, `shown` (the image as its
    list names it) and more. Where an image has several rows with different labels, its label is
    null.
    """
    image = pl.struct("usage", "key")
    marked = rows.with_columns(
        conflict=pl.col("label").n_unique().over("usage", "key") > 1,
        first=image.is_first_distinct(),
    )
    again = marked.filter(~pl.col("first") & ~pl.col("conflict"))
    conflicts = marked.filter("first", "conflict")
    label = pl.when(~pl.col("conflict")).then("label").alias("label")
    kept = marked.filter("first").with_columns(label).drop("conflict", "first")
    return kept, [
        *remark("label rows that repeat another", again["shown"].to_list()),
        *remark(
            "images with rows of different labels, left without one", conflicts["shown"].to_list()
        ),
    ]


def attached(
    rows: pl.DataFrame, files: dict[str, str], besides: Collection[str] = ()
) -> tuple[pl.DataFrame, list[str]]:
    """The rows with `name`, the path of their image, null where there is none; what is missing.

    files:   an image's `key` -> its path
    besides: keys of images that are listed, and have no row here for a reason
    """
    named = rows.with_columns(
        name=pl.Series([files.get(key) for key in rows["key"]], dtype=pl.String)
    )
    absent = named.filter(pl.col("name").is_null())
    listed = {*rows["key"], *besides}
    without = sorted(path for name, path in files.items() if name not in listed)
    return named, [
        *remark("label rows without an image", absent["shown"].to_list()),
        *remark("images without a label row, left out", without),
    ]


def keyed(
    paths: Iterable[str], key: Callable[[str], str | None]
) -> tuple[dict[str, str], list[str]]:
    """The path of each image by its key, the shortest where there are several; what was left out.

    A path without a key is none of them.
    """
    found: dict[str, str] = {}
    again = []
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        if (name := key(path)) is not None and found.setdefault(name, path) != path:
            again.append(path)
    return found, remark("images with the name of another one, left out", again)


def difference(
    table: pl.DataFrame, splits: dict[str, str], published: Sequence[tuple[int, ...]]
) -> str | None:
    """How many images there are where that is none of the `published` numbers, in words.

    splits: usage -> its split; published: the numbers in the same order, the first to be named
    """
    usage = _usable(table)["usage"].to_list()
    found = tuple(usage.count(name) for name in splits)
    if found in published:
        return None
    counts = zip(found, published[0], splits.values(), strict=True)
    return " and ".join(f"{here:,} of {there:,} {split}" for here, there, split in counts) + (
        " images"
    )


def protocol(
    name: str, table: pl.DataFrame, splits: dict[str, str], published: Sequence[tuple[int, ...]]
) -> str:
    """The name, and what is to be said with it where the copy is not the published one."""
    found = difference(table, splits, published)
    if found is None:
        return name
    usage = _usable(table)["usage"].to_list()
    pairs = zip(splits, published[0], strict=True)
    more = any(usage.count(here) > there for here, there in pairs)
    return f"{name}, {'other' if more else 'incomplete'} copy: {found}"


def shortfall(
    table: pl.DataFrame, splits: dict[str, str], published: Sequence[tuple[int, ...]]
) -> list[str]:
    """A line for people where the numbers differ."""
    found = difference(table, splits, published)
    return [f"not the published numbers: {found}; scores do not compare"] if found else []


def _usable(table: pl.DataFrame) -> pl.DataFrame:
    """The rows with a label and an image."""
    return table.filter(pl.col("label").is_not_null() & pl.col("name").is_not_null())
