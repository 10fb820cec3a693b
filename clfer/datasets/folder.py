"""The user's own images, in one of three layouts: folders `<class>/*`; `train/<class>/*`,
`test/<class>/*` and `val/<class>/*`; or a list, images.csv, of path, label and split.

Without a test part, a share of train becomes it here. Without `val`, a part of train becomes it
later (`splits`).
"""

import csv
import posixpath
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import polars as pl
from pydantic import Field

from clfer.datasets import images, labels, source
from clfer.datasets.expressions import FERPLUS, canonical
from clfer.datasets.images import folders, key
from clfer.datasets.images import pictures as pictures
from clfer.datasets.source import Source as Source
from clfer.datasets.splits import hold_out
from clfer.errors import InputError
from clfer.settings import Settings

EVIDENCE = True
DRAWN = "drawn test"
SPLITS = {"train": "train", "val": "val", "test": "test", DRAWN: "test"}
NAMES = {"train": "train", "val": "val", "test": "test", "training": "train"}
NAMES |= {"valid": "val", "validation": "val", "testing": "test"}
LIST = "images.csv"
COLUMNS = ["path", "label", "split"]  # the last one may be absent


class Labels(Settings):
    """How a test part is drawn from the training images where there is none."""

    test: float = Field(gt=0, lt=1)  # share of each class
    seed: int = Field(ge=0)


class Image(NamedTuple):
    name: str
    usage: str
    label: str


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, sorted by path, and what was left out, for people.

    The classes are called as in train. They stand in the order of their names; where each means
    another expression, in the order of `expressions.FERPLUS`.
    """
    paths = images.indexed(raw)
    listed = source.one_list(raw, LIST)
    placed = sorted(_listed(raw, listed, paths) if listed else _in_folders(paths))
    names = _classes(raw, placed)
    rows = [(path, usage, names[key(name)]) for path, usage, name in placed]
    order = tuple(_in_order(sorted(set(names.values()))))
    table = pl.DataFrame(rows, Image._fields, orient="row").cast({"label": pl.Enum(order)})
    remarks = [f"classes: {', '.join(order)}"]
    if "test" not in table["usage"]:
        table = _with_test(raw, table, chosen)
        remarks.append(
            f"no test images of their own: {len(table.filter(usage=DRAWN)):,} are drawn, "
            f"{_drawing(chosen)} of each class, identical copies together; one person or one film "
            "may be in training and test, and new ones may score lower"
        )
    where = f"images that are not in {LIST}" if listed else "images in no class of a split"
    elsewhere = sorted({*paths} - {*table["name"]})
    return labels.table(table, order), [
        *remarks,
        *labels.remark(f"{where}, left out", elsewhere),
    ]


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    name = f"own images of {len(labels.classes(table))} classes"
    drawn = DRAWN in table["usage"]
    return f"{name}, tested on a part drawn from them ({_drawing(chosen)})" if drawn else name


def _drawing(chosen: Labels) -> str:
    return f"{100 * chosen.test:g} % by seed {chosen.seed}"


def _in_folders(paths: Sequence[str]) -> list[Image]:
    """The images in classes of splits; all of train where no folder is called like a split."""
    placed = [Image(path, *place) for path in paths if (place := _place(path))]
    if placed:
        return placed
    # an archive may be called like the folder in it
    own = {path: PurePosixPath(*(name for name, _ in groupby(folders(path)))) for path in paths}
    top = PurePosixPath(posixpath.commonpath(own.values()))
    return [
        Image(path, "train", each.name) for path, each in own.items() if each.parent == top != each
    ]


def _place(path: str) -> tuple[str, str] | None:
    """The outermost folder that is called like a split, and the folder in it: the class."""
    names = folders(path)
    usages = [NAMES.get(key(name)) for name in names]
    for depth, usage in enumerate(usages):
        if usage is not None:
            # an archive may be called like the folder in it
            inside = zip(names[depth + 1 :], usages[depth + 1 :], strict=True)
            return next(((usage, name) for name, other in inside if other != usage), None)
    return None


def _listed(raw: Path, file: str, paths: Sequence[str]) -> list[Image]:
    """The rows of the list, whose paths are relative to its folder; InputError names the line of
    what is no image or is there twice, has no label or an unknown split.
    """
    wrong, below = partial(source.wrong, raw, file), posixpath.dirname(file)
    there = {key(path): path for path in paths} | {path: path for path in paths}
    example = posixpath.relpath(paths[0], below or ".")
    lines = source.lines(raw, file)
    number, header = next(lines, (1, ""))
    columns = [key(name.strip()) for name in next(csv.reader([header]), [])]
    if sorted(columns) not in (sorted(COLUMNS), sorted(COLUMNS[:2])):
        raise wrong("the columns path,label or path,label,split", repr(header[:60]), number)
    found: dict[str, Image] = {}
    for number, text in lines:
        cells = [cell.strip() for cell in next(csv.reader([text]))]
        if len(cells) != len(columns):
            raise wrong(f"{len(columns)} columns", f"{len(cells)}", number)
        row = {"split": "train"} | dict(zip(columns, cells, strict=True))
        given, name, split = (row[column] for column in COLUMNS)
        place = posixpath.normpath(posixpath.join(below, given.replace("\\", "/")))
        path = there.get(place) or there.get(key(place))
        if path is None:
            raise wrong(f"the path of an image, such as {example}", repr(given), number)
        if path in found:
            raise wrong("every image once", f"{given!r} again", number)
        if not name:
            raise wrong("a label", "none", number)
        if key(split) not in NAMES:
            raise wrong("train, val or test as split", repr(split), number)
        found[path] = Image(path, NAMES[key(split)], name)
    return [*found.values()]


def _with_test(raw: Path, table: pl.DataFrame, chosen: Labels) -> pl.DataFrame:
    """The table with a share of train, and all identical copies of it there, as DRAWN; InputError
    where a class has too few images that differ.
    """
    table = table.join(images.entries(raw), on="name", how="left", maintain_order="left")
    table = table.with_columns(copy=pl.coalesce("sha256", "name"))
    once = table.filter(usage="train").unique("copy", keep="first", maintain_order=True)
    least = 2 if "val" in table["usage"] else 3
    classes = once["label"].to_physical().cast(pl.Int64).to_numpy()
    names = labels.classes(table)
    for name, count in zip(names, np.bincount(classes, minlength=len(names)), strict=True):
        if count < least:
            raise InputError(
                f"{images.folder_of(raw)}: expected at least {least} images of every class that "
                f"are no copies, to draw a test part of them; found {count} of {name!r}; add some, "
                "leave the class out, or name test images yourself, and download again"
            )
    drawn = hold_out(classes, np.arange(len(once)), chosen.test, chosen.seed)
    test = once.filter(pl.Series(drawn, dtype=pl.Boolean))["copy"].implode()
    moved = (pl.col("usage") == "train") & pl.col("copy").is_in(test)
    usage = pl.when(moved).then(pl.lit(DRAWN)).otherwise("usage")
    return table.select("name", usage.alias("usage"), "label")


def _classes(raw: Path, placed: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """What each class is called, by the key of its name; InputError unless all stand everywhere."""
    there: dict[str, dict[str, str]] = {usage: {} for usage in SPLITS}
    for _, usage, folder in placed:
        there[usage].setdefault(key(folder), folder)
    if not there["train"]:
        raise WANTED.missing(images.folder_of(raw), "no images to train on")
    where, parts = images.folder_of(raw), {usage: own for usage, own in there.items() if own}
    names = {name: shown for own in reversed(parts.values()) for name, shown in own.items()}
    for name, shown in sorted(names.items()):
        if not shown.isprintable():
            raise InputError(
                f"{where}: expected classes whose names can be printed, found {shown!r}; rename it "
                "and download again"
            )
        if absent := [usage for usage, own in parts.items() if name not in own]:
            has = ", ".join(usage for usage in parts if usage not in absent)
            raise InputError(
                f"{where}: expected every class in {', '.join(parts)}, found {shown!r} only in "
                f"{has}; add images of it to {', '.join(absent)} or remove it, and download again"
            )
    if len(names) < 2:
        raise WANTED.missing(where, f"a single class ({', '.join(names.values())})")
    return names


def _in_order(names: Sequence[str]) -> Sequence[str]:
    """In the order of FERPLUS where each name means another of its expressions, else as given."""
    places = {FERPLUS.index(meant): name for name in names if (meant := canonical(name))}
    return [places[place] for place in sorted(places)] if len(places) == len(names) else names


def _lacking(paths: Sequence[str], files: Sequence[str]) -> str | None:
    if files or any(image.usage == "train" for image in _in_folders(paths)):
        return None
    strays = {*paths} - {image.name for image in _in_folders(paths)}
    first = min(strays, default=paths[0])
    return f"{len(paths):,} images, none of them in a class to train on (first: {first})"


WANTED = source.Wanted(
    name="your images",
    layout=(
        "<class>/*, train/<class>/* and test/<class>/* (and val/<class>/* if you like), or "
        f"{LIST} with the columns path,label or path,label,split, also in archives"
    ),
    request="put them there, or name another folder in params.yaml",
    lacking=_lacking,
    is_list=lambda path: key(path).rpartition("/")[2] == LIST,
)
fetch = partial(source.fetch, WANTED)
