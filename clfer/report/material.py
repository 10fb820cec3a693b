"""What a report is made of, files of the pipeline already read, and whether they are whole."""

import base64
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from clfer.errors import InputError

Cell = tuple[str, str, int]  # dataset, variant, seed
SUMMARY = ("alpha", "baseline", "datasets")
DATASET = ("evidence", "protocol", "classes", "test_images", "variants", "comparisons", "note")
VARIANT = ("seeds", "accuracy", "uar", "macro_f1", "duplicate_free", "optimistic")
TABLE = ("title", "dataset", "evidence", "columns", "rows", "notes", "differs", "command")
FIGURE = ("title", "caption", "dataset", "evidence")
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<"}


@dataclass(frozen=True)
class Picture:
    """An image file's bytes."""

    content: bytes
    kind: Literal["png", "svg+xml"]

    @property
    def uri(self) -> str:
        """The image as a data URI. A browser runs no script of an SVG that it meets as an image."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.content).decode()}"


@dataclass(frozen=True)
class Figure:
    """A figure as `clfer figure` draws it, with what its sidecar says, see FIGURE."""

    about: Mapping[str, Any]
    picture: Picture


@dataclass(frozen=True)
class Code:
    """With what to run it again.

    commit:  short name of the commit checked out, None without Git
    changed: files that decide a result and are not as in that commit
    options: of `dvc exp run`, which lead from the commit's params.yaml to the settings used
    """

    commit: str | None
    changed: Sequence[str]
    options: Sequence[str]


@dataclass(frozen=True)
class Material:
    """Everything that is shown; what is absent has an empty container.

    summary: of `clfer.report.verdicts.summary_with_verdicts`
    audits:  by dataset, of `clfer.audit.leakage.leakage`
    cards:   by cell, the card of its model as `clfer.model.bundle` writes it
    recipes: by dataset and variant, the settings of training that stand in params.yaml now
    plots:   by file name without its ending, what `clfer significance` drew
    """

    summary: Mapping[str, Any]
    code: Code
    audits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cards: Mapping[Cell, Mapping[str, Any]] = field(default_factory=dict)
    recipes: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    plots: Mapping[str, Picture] = field(default_factory=dict)
    tables: Sequence[Mapping[str, Any]] = ()  # of `clfer experiment`, see TABLE
    figures: Sequence[Figure] = ()


def checked_summary(found: Any, path: Path) -> Mapping[str, Any]:
    """The summary; InputError unless it, its datasets and their variants have their keys."""
    again = "run `dvc repro`"
    whole = keyed(found, SUMMARY, str(path), again)
    for name, dataset in filled(whole["datasets"], f"{path}, datasets", again).items():
        where = f"{path}, datasets.{name}"
        variants = keyed(dataset, DATASET, where, again)["variants"]
        for one, variant in filled(variants, f"{where}.variants", again).items():
            keyed(variant, VARIANT, f"{where}.variants.{one}", again)
    return whole


def checked_table(found: Any, path: Path) -> Mapping[str, Any]:
    """A table of `clfer experiment`; InputError unless each row has a cell for every column."""
    again = "let `clfer experiment` write it again"
    whole = keyed(found, TABLE, str(path), again)
    columns: Sequence[str] = whole["columns"]
    for number, row in enumerate(whole["rows"], 1):
        if len(row) != len(columns):
            raise InputError(
                f"{path}, row {number}: expected {len(columns)} cells, found {len(row)}; {again}"
            )
    return whole


def checked_figure(found: Any, path: Path) -> Mapping[str, Any]:
    """What stands beside a figure of `clfer figure`."""
    return keyed(found, FIGURE, str(path), "let `clfer figure` draw it again")


def checked_picture(content: bytes, path: Path) -> bytes:
    """The bytes of an image; InputError unless they begin as its ending says."""
    if not content.startswith(SIGNATURES[path.suffix]):
        kind = path.suffix[1:].upper()
        raise InputError(
            f"{path}: expected a picture in {kind}, found {len(content):,} bytes of something "
            "else; have it drawn again"
        )
    return content


def keyed(found: Any, keys: Collection[str], where: str, again: str) -> Mapping[str, Any]:
    """`found`, a mapping with all the keys; `again` is what to do if it is not."""
    if not isinstance(found, Mapping):
        raise InputError(f"{where}: expected an object, found {type(found).__name__}; {again}")
    missing = [key for key in keys if key not in found]
    if missing:
        raise InputError(f"{where}: expected '{missing[0]}', found no such key; {again}")
    return found


def filled(found: Any, where: str, again: str) -> Mapping[str, Any]:
    """`found`, a mapping with at least one entry."""
    if not keyed(found, (), where, again):
        raise InputError(f"{where}: expected at least one, found none; {again}")
    entries: Mapping[str, Any] = found
    return entries
