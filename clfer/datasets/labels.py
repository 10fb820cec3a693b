"""The table that every dataset's labels become: a row for each image, in the order of its files.

A module `clfer.datasets.D` (of the demo: `demo.dataset`) reads the dataset `datasets.D` of
params.yaml. What is wrong with its files is an InputError. It has

EVIDENCE                       whether a score on it can say anything about a method
SPLITS                         usage as published -> train, val or test
Source, Labels                 the settings `datasets.D.source` and `datasets.D.labels`
fetch(source, base, raw, track)  fills the folder `raw`; returns lines for people. Folders in
                               `source` stand below `base`
label(raw, labels)             the table below, and remarks for people
protocol(labels, table)        what a score on these labels has to be called
pictures(raw, base)            a function: the images of some rows, see `clfer.pictures.Opened`
"""

from collections.abc import Iterable, Sequence
from operator import gt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from clfer.errors import InputError, in_one_line

VOTES = pl.Array(pl.UInt8, 10)  # in the order of expressions.FERPLUS_VOTES
LANDMARKS = pl.Array(pl.Float32, 10)  # x, y of the eyes, the nose and the corners of the mouth
BOX = pl.Array(pl.Float32, 4)  # left, top, width, height

GROUP = 1 << 14  # rows of a file that are read at once, where only some of them are wanted

# What polars raises over a damaged file: of some damage its own panic, which is no Exception.
DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


# Of the 68 points of 300-W: the rings of the eyes, the tip of the nose, the mouth's corners.
POINTS = 68
EYES = (slice(36, 42), slice(42, 48))
NOSE = 30
CORNERS = (48, 54)
FARTHEST = 1e6  # pixels; beyond the side of any picture

Counts = Sequence[tuple[int, ...]]  # images of each usage, in one or more published forms


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
    shares = pl.concat_list((pl.col("label") == name).cast(pl.Float32) for name in classes)
    label_alone = pl.when(pl.col("label").is_not_null()).then(shares.list.to_array(len(classes)))
    default = {"row": pl.int_range(pl.len()), "target": label_alone}
    kinds: dict[str, Any] = {
        "row": pl.Int64,
        "name": pl.String,
        "usage": pl.String,
        "votes": VOTES,
        "label": pl.Enum(classes),
        "target": pl.Array(pl.Float32, len(classes)),
        "landmarks": LANDMARKS,
        "box": BOX,
    }
    given = {name: pl.col(name) for name in rows.columns}
    columns = {**dict.fromkeys(kinds, pl.lit(None)), **default, **given}
    return rows.select(columns[name].cast(kind).alias(name) for name, kind in kinds.items())


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
        raise InputError(
            f"{path}: expected a table that names its protocol, found none ({in_one_line(error)}); "
            "delete it and let `dvc repro` write it again"
        ) from error


def matched(
    rows: pl.DataFrame, files: Iterable[tuple[str | None, str]], besides: Iterable[str] = ()
) -> tuple[pl.DataFrame, list[str]]:
    """The first row of every image, in order, with `name`, the path of the image, null where there
    is none; what was wrong, for people.

    rows:    `usage`, `key` (the same for the same image), `label`, `shown` (the image as its list
             names it) and more. Where an image has rows with different labels, its label is null
    files:   key and path of images, null where the dataset has no such image; of several with a key
             the one in the fewest folders counts
    besides: keys of images that are listed, and have no row here for a reason
    """
    rows = rows.with_columns(conflict=pl.col("label").n_unique().over("usage", "key") > 1)
    first = pl.struct("usage", "key").is_first_distinct()
    again = rows.filter(~first, ~pl.col("conflict"))["shown"].to_list()
    conflicts = rows.filter(first, pl.col("conflict"))["shown"].to_list()
    label = pl.when(~pl.col("conflict")).then("label")
    rows = rows.filter(first).with_columns(label=label).drop("conflict")
    by_depth = sorted(files, key=lambda file: (file[1].count("/"), file[1]))
    named = pl.DataFrame(by_depth, {"key": pl.String, "name": pl.String}, orient="row").drop_nulls()
    first = pl.col("key").is_first_distinct()
    others, named = named.filter(~first)["name"].to_list(), named.filter(first)
    rows = rows.join(named, on="key", how="left", maintain_order="left")
    unlisted = named.filter(~pl.col("key").is_in([*rows["key"], *besides]))["name"]
    return rows, [
        *remark("label rows that repeat another", again),
        *remark("images with rows of different labels, left without one", conflicts),
        *remark(
            "label rows without an image", rows.filter(pl.col("name").is_null())["shown"].to_list()
        ),
        *remark("images without a label row, left out", sorted(unlisted)),
        *remark("images with the name of another one, left out", others),
    ]


def difference(table: pl.DataFrame, splits: dict[str, str], published: Counts) -> str | None:
    """How many images with a label there are, in words, where these are none of the `published`
    numbers, of which the first are named. splits: usage -> its split, in the order of the numbers
    """
    counts = _counts(table, splits)
    parts = zip(counts, published[0], splits.values(), strict=True)
    words = " and ".join(f"{n:,} of {all_:,} {split}" for n, all_, split in parts)
    return None if counts in published else f"{words} images"


def copy_named(name: str, table: pl.DataFrame, splits: dict[str, str], published: Counts) -> str:
    """The name, and what is to be said with it where the copy is not the published one."""
    found = difference(table, splits, published)
    more = any(map(gt, _counts(table, splits), published[0]))
    return f"{name}, {'other' if more else 'incomplete'} copy: {found}" if found else name


def shortfall(table: pl.DataFrame, splits: dict[str, str], published: Counts) -> list[str]:
    """A line for people where the numbers differ."""
    found = difference(table, splits, published)
    return [f"not the published numbers: {found}; scores do not compare"] if found else []


def remark(what: str, names: Sequence[str]) -> list[str]:
    """A line: what, how many, and the first of them; none where there are no names."""
    return [f"{what}: {len(names):,} (first: {names[0]})"] if names else []


def _counts(table: pl.DataFrame, splits: dict[str, str]) -> tuple[int, ...]:
    usage = table.drop_nulls(["label", "name"])["usage"].to_list()
    return tuple(usage.count(name) for name in splits)


def coordinates(words: Iterable[Any]) -> list[float]:
    """The numbers before the first word that can be no coordinate of a picture."""
    numbers: list[float] = []
    for word in words:
        try:
            number = float(word)
        except (OverflowError, TypeError, ValueError):
            break
        if not abs(number) <= FARTHEST:  # nan is not, either
            break
        numbers.append(number)
    return numbers


def ordered(points: Float[np.ndarray, "5 2"]) -> list[float]:
    """x, y of the eyes, the nose and the mouth's corners, left before right in the upright face,
    in whatever order each pair is given, and however the face is turned: down is from the eyes to
    the mouth.
    """
    eyes, nose, corners = points[:2], points[2:3], points[3:]
    x, y = corners.mean(axis=0) - eyes.mean(axis=0)

    def across(pair: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 2"]:
        forward = pair[1] - pair[0]
        return pair if forward[0] * y - forward[1] * x >= 0 else pair[::-1]

    numbers: list[float] = np.concatenate([across(eyes), nose, across(corners)]).ravel().tolist()
    return numbers


def five(numbers: Sequence[float]) -> list[float]:
    """`ordered`, from x, y of POINTS points in 300-W's order. An eye is the mean of its ring."""
    points = np.reshape(numbers, (POINTS, 2))
    eyes = [points[ring].mean(axis=0) for ring in EYES]
    return ordered(np.array([*eyes, *points[[NOSE, *CORNERS]]]))
