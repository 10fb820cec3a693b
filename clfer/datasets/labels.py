"""The table that every dataset's labels become: a row for each image, in the order of its files."""

from pathlib import Path
from typing import Any

import polars as pl

from clfer.errors import InputError

VOTES = pl.Array(pl.UInt8, 10)  # in the order of expressions.FERPLUS_VOTES
LANDMARKS = pl.Array(pl.Float32, 10)  # x, y of the eyes, the nose and the corners of the mouth
BOX = pl.Array(pl.Float32, 4)  # left, top, width, height

GROUP = 1 << 14  # rows of a file that are read at once, where only some of them are wanted

# What polars raises over a damaged file: of some damage its own panic, which is no Exception.
DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def table(rows: pl.DataFrame, classes: tuple[str, ...]) -> pl.DataFrame:
    """The columns that every stage after `relabel` may count on.

    row:       Int64, 0..N-1, the key everywhere
    name:      String, the image's file as its dataset names it, null where it has none
    usage:     String, what it was published for
    votes:     null where the dataset has none
    label:     Enum of the classes, null where the image is not to be used
    target:    Array(Float32, C), sums to 1; where `rows` brings none it is the label's class alone
    landmarks: in pixels of the image, left to right as seen, null where the dataset has none
    box:       of the face, in pixels of the image, null where the dataset has none
    """
    given = rows.columns
    absent: dict[str, Any] = {"votes": VOTES, "landmarks": LANDMARKS, "box": BOX}
    return rows.select(
        pl.col("row").cast(pl.Int64) if "row" in given else pl.int_range(pl.len()).alias("row"),
        pl.col("name").cast(pl.String),
        pl.col("usage").cast(pl.String),
        _or_null("votes", absent, given),
        pl.col("label").cast(pl.Enum(classes)),
        "target" if "target" in given else one_hot(classes),
        _or_null("landmarks", absent, given),
        _or_null("box", absent, given),
    )


def one_hot(classes: tuple[str, ...]) -> pl.Expr:
    """The label as a target: one for its class, null where there is no label."""
    shares = pl.concat_list((pl.col("label") == name).cast(pl.Float32) for name in classes)
    target = shares.list.to_array(len(classes))
    return pl.when(pl.col("label").is_not_null()).then(target).alias("target")


def classes(labels: pl.DataFrame) -> tuple[str, ...]:
    """The classes of a table of labels or of a split, in their order."""
    kind = labels.schema["label"]
    assert isinstance(kind, pl.Enum)
    return tuple(kind.categories)


def about(path: Path) -> dict[str, str]:
    """What a file of such a table, or of a split, says of its dataset.

    protocol: what a score on it has to be called
    evidence: whether a score on it can say anything about a method, as JSON

    InputError where it is no such file.
    """
    try:
        found = pl.read_parquet_metadata(path)
        return {key: found[key] for key in ("protocol", "evidence")}
    except (*DAMAGE, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{path}: expected a table that names its protocol, found none ({reason}); delete it "
            "and let `dvc repro` write it again"
        ) from error


def _or_null(name: str, kinds: dict[str, Any], given: list[str]) -> pl.Expr:
    return (pl.col(name) if name in given else pl.lit(None)).cast(kinds[name]).alias(name)
