"""A copy of a dataset against the numbers of images that were published."""

from collections.abc import Sequence

import polars as pl


def usable(table: pl.DataFrame) -> pl.DataFrame:
    """The rows with a label and an image."""
    return table.filter(pl.col("label").is_not_null() & pl.col("name").is_not_null())


def difference(
    table: pl.DataFrame, splits: dict[str, str], published: Sequence[tuple[int, ...]]
) -> str | None:
    """How many images there are where that is none of the `published` numbers, in words.

    splits: usage -> its split; published: the numbers in the same order, the first to be named
    """
    usage = usable(table)["usage"].to_list()
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
    usage = usable(table)["usage"].to_list()
    pairs = zip(splits, published[0], strict=True)
    more = any(usage.count(here) > there for here, there in pairs)
    return f"{name}, {'other' if more else 'incomplete'} copy: {found}"


def remarks(
    table: pl.DataFrame, splits: dict[str, str], published: Sequence[tuple[int, ...]]
) -> list[str]:
    """A line for people where the numbers differ."""
    found = difference(table, splits, published)
    return [f"not the published numbers: {found}; scores do not compare"] if found else []
