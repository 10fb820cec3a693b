"""What is known of each image of a dataset, in one table."""

from collections.abc import Mapping

import polars as pl

from clfer.errors import InputError

COLUMNS = ["row", "label", "votes", "published", "split", "face", "outcome", "reason"]


def rows(
    labels: pl.DataFrame,
    faces: pl.DataFrame,
    usages: Mapping[str, str],
    divided: pl.DataFrame | None,
) -> pl.DataFrame:
    """A row for each image, with COLUMNS.

    labels: a table of `datasets.labels`; faces: that of `clfer.faces.packing`; usages: usage ->
    train, val or test; divided: the table of `clfer.datasets.splits`, if there is one

    `published` is what the image was published for, `split` the one that it is used in; without a
    table of splits the same for an image with a label and a face, and null otherwise. `outcome` and
    `reason` say how its face came. InputError: the tables are not of the same images.
    """
    _check("faces", "align", faces, labels, ["row"])
    table = labels.select("row", "label", "votes", published=pl.col("usage").replace_strict(usages))
    table = table.with_columns(faces.select("face", "outcome", "reason"))
    if divided is None:
        is_image = pl.col("label").is_not_null() & pl.col("face").is_not_null()
        split = pl.when(is_image).then("published").cast(pl.String)
        return table.with_columns(split=split).select(COLUMNS)
    _check("split", "split", divided, table, ["row", "label", "face"])
    return table.with_columns(divided["split"].cast(pl.String)).select(COLUMNS)


def _check(
    what: str, stage: str, found: pl.DataFrame, expected: pl.DataFrame, columns: list[str]
) -> None:
    """InputError unless both tables say the same in these columns."""
    if not found.select(columns).equals(expected.select(columns)):
        raise InputError(
            f"{what}: expected the {len(expected):,} images of the present labels and faces, found "
            f"{len(found):,} that differ in {' or '.join(columns)}; run `clfer {stage}` again"
        )
