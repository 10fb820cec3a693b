"""The user's own images: `train/<class>/*` and `test/<class>/*`, and `val/<class>/*` if they like.

Without `val`, a part of train becomes it (`splits`).
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl

from clfer.datasets import images, labels, source
from clfer.datasets.expressions import FERPLUS, canonical
from clfer.datasets.images import folders, key
from clfer.datasets.images import pictures as pictures
from clfer.datasets.source import Source as Source
from clfer.errors import InputError
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"train": "train", "val": "val", "test": "test"}
NAMES = {**SPLITS, "training": "train", "valid": "val", "validation": "val", "testing": "test"}


class Labels(Settings):
    """Nothing to choose: the folders are the classes."""


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, sorted by path, and what was left out, for people.

    The classes are called as in train. They stand in the order of their names; where each means
    another expression, in the order of `expressions.FERPLUS`.
    """
    paths = images.indexed(raw)
    placed = [(path, *place) for path in paths if (place := _place(path))]
    names = _classes(raw, placed)
    rows = [(path, usage, names[key(folder)]) for path, usage, folder in placed]
    order = tuple(_in_order(sorted(set(names.values()))))
    elsewhere = [path for path in paths if not _place(path)]
    table = pl.DataFrame(rows, ["name", "usage", "label"], orient="row")
    return labels.table(table, order), [
        f"classes: {', '.join(order)}",
        *labels.remark("images in no class of a split, left out", elsewhere),
    ]


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    return f"own images of {len(labels.classes(table))} classes"


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


def _classes(raw: Path, placed: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """What each class is called, by the key of its name; InputError unless all stand everywhere."""
    there: dict[str, dict[str, str]] = {usage: {} for usage in SPLITS}
    for _, usage, folder in placed:
        there[usage].setdefault(key(folder), folder)
    where, parts = images.folder_of(raw), {usage: own for usage, own in there.items() if own}
    names = {name: shown for own in reversed(parts.values()) for name, shown in own.items()}
    for name, shown in sorted(names.items()):
        if absent := [usage for usage, own in parts.items() if name not in own]:
            has = ", ".join(usage for usage in parts if usage not in absent)
            raise InputError(
                f"{where}: expected every class in {', '.join(parts)}, found {shown!r} only in "
                f"{has}; put images of it into {', '.join(absent)}/{shown} or remove it, and "
                "download again"
            )
    if len(names) < 2:
        raise WANTED.missing(where, f"a single class ({', '.join(names.values())})")
    return names


def _in_order(names: Sequence[str]) -> Sequence[str]:
    """In the order of FERPLUS where each name means another of its expressions, else as given."""
    places = {FERPLUS.index(meant): name for name in names if (meant := canonical(name))}
    return [places[place] for place in sorted(places)] if len(places) == len(names) else names


def _lacking(paths: Sequence[str], files: Sequence[str]) -> str | None:
    there = {place[0] for path in paths if (place := _place(path))}
    if absent := [usage for usage in ("train", "test") if usage not in there]:
        first = next((path for path in paths if not _place(path)), paths[0])
        where = " or of ".join(absent)
        return f"{len(paths):,} images, none of them in a class of {where} (first: {first})"
    return None


WANTED = source.Wanted(
    name="your images",
    layout="train/<class>/* and test/<class>/* (and val/<class>/* if you like), also in archives",
    request="put them there, or name another folder in params.yaml",
    lacking=_lacking,
)
fetch = partial(source.fetch, WANTED)
