"""Rows of label files brought together with the images."""

from collections.abc import Callable, Collection, Iterable

import polars as pl

from clfer.datasets.tree.names import remark


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
