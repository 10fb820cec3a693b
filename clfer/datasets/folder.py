"""The user's own images: `train/<class>/*` and `test/<class>/*`, and `val/<class>/*` if they like.

Without `val`, a part of train becomes it (`splits`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from clfer.datasets import index
from clfer.datasets import labels as columns
from clfer.datasets.expressions import FERPLUS, canonical
from clfer.datasets.images import Source as Source
from clfer.datasets.images import Wanted, missing
from clfer.datasets.images import fetch as fetch_images
from clfer.datasets.images import pictures as pictures
from clfer.datasets.listing import folders, key, remark
from clfer.errors import InputError
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"train": "train", "val": "val", "test": "test"}
NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


class Labels(Settings):
    """Nothing to choose: the folders are the classes."""


class Image(NamedTuple):
    path: str
    usage: str
    label: str  # as its folder is called


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images of the user's folder."""
    return fetch_images(source, base, raw, track, WANTED)


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, sorted by path, and what was left out, for people.

    The classes are called as in train. They stand in the order of their names; where each means
    another expression, in the order of `expressions.FERPLUS`.
    """
    images, elsewhere = arranged(index.paths(raw))
    classes = _classes(raw, images)
    rows = {
        "name": [image.path for image in images],
        "usage": [image.usage for image in images],
        "label": [classes[key(image.label)] for image in images],
    }
    table = columns.table(pl.DataFrame(rows), _order(sorted(set(rows["label"]))))
    return table, [
        f"classes: {', '.join(columns.classes(table))}",
        *remark("images in no class of a split, left out", elsewhere),
    ]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these images has to be called by."""
    return f"own images of {len(columns.classes(table))} classes"


def arranged(paths: Sequence[str]) -> tuple[list[Image], list[str]]:
    """The images of classes, and those that lie elsewhere."""
    images, elsewhere = [], []
    for path in paths:
        if place := _place(path):
            images.append(Image(path, *place))
        else:
            elsewhere.append(path)
    return images, elsewhere


def _place(path: str) -> tuple[str, str] | None:
    """The outermost folder that is called like a split, and the folder in it: the class."""
    names = folders(path)
    usages = [NAMES.get(key(part)) for part in names]
    for depth, usage in enumerate(usages):
        if usage is not None:
            below = depth + 1
            # an archive that is called like the folder in it
            while below < len(usages) and usages[below] == usage:
                below += 1
            return (usage, names[below]) if below < len(names) else None
    return None


def _classes(raw: Path, images: Sequence[Image]) -> dict[str, str]:
    """What each class is called, by the key of its name; InputError unless all stand everywhere."""
    there: dict[str, dict[str, str]] = {usage: {} for usage in SPLITS}
    for image in images:
        there[image.usage].setdefault(key(image.label), image.label)
    for usage in ("train", "test"):
        if not there[usage]:
            raise missing(WANTED, index.folder(raw), f"no image in a class of {usage}")
    parts = {usage: classes for usage, classes in there.items() if classes}
    names = {name: shown for classes in reversed(parts.values()) for name, shown in classes.items()}
    for name, shown in sorted(names.items()):
        lacking = [usage for usage, classes in parts.items() if name not in classes]
        if lacking:
            has = ", ".join(usage for usage in parts if usage not in lacking)
            raise InputError(
                f"{index.folder(raw)}: expected every class in {', '.join(parts)}, found {shown!r} "
                f"only in {has}; put images of it into {', '.join(lacking)}/{shown} or remove it, "
                "and download again"
            )
    if len(names) < 2:
        only = ", ".join(names.values())
        raise missing(WANTED, index.folder(raw), f"a single class ({only})")
    return names


def _order(names: Sequence[str]) -> tuple[str, ...]:
    means = [canonical(name) for name in names]
    if None in means or len(set(means)) < len(means):
        return tuple(names)
    place = {name: FERPLUS.index(str(meant)) for name, meant in zip(names, means, strict=True)}
    return tuple(sorted(names, key=lambda name: place[name]))


def _check(images: Sequence[str], labels: Sequence[str]) -> None:
    found, elsewhere = arranged(images)
    there = {image.usage for image in found}
    if lacking := [usage for usage in ("train", "test") if usage not in there]:
        where = (elsewhere or images)[0]
        raise LookupError(
            f"{len(images):,} images, none of them in a class of {' or of '.join(lacking)} (first: "
            f"{where})"
        )


WANTED = Wanted(
    name="your images",
    layout="train/<class>/* and test/<class>/* (and val/<class>/* if you like), also in archives",
    request="put them there, or name another folder in params.yaml",
    check=_check,
)
