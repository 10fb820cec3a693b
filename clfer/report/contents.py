"""What a report shows: files of the pipeline, already read and checked."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, model_validator

from clfer.errors import InputError

Cell = tuple[str, str, int]  # dataset, variant, seed
Block = dict[str, Any]
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<"}


class VariantScores(BaseModel):
    seeds: list[int]
    accuracy: Block
    uar: Block
    macro_f1: Block
    duplicate_free: Block
    optimistic: Block | None


class DatasetScores(BaseModel):
    evidence: bool
    protocol: Any
    classes: list[str]
    test_images: int
    variants: Annotated[dict[str, VariantScores], Field(min_length=1)]
    comparisons: list[Block]
    note: str | None


class Summary(BaseModel):
    """What the page needs of metrics/summary.json. sources: SHA-256 by path of what it was computed
    from or drawn with.
    """

    alpha: float
    baseline: str
    sources: dict[str, str]
    datasets: Annotated[dict[str, DatasetScores], Field(min_length=1)]


class Table(BaseModel):
    """A table of `clfer experiment`."""

    title: str
    dataset: str
    evidence: bool
    columns: list[str]
    rows: list[list[str]]
    notes: list[str]
    differs: list[str]
    command: str

    @model_validator(mode="after")
    def _rows_are_whole(self) -> "Table":
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise ValueError(f"row {number}: {len(self.columns)} cells, found {len(row)}")
        return self


class Caption(BaseModel):
    """The JSON beside a figure of `clfer figure`."""

    title: str
    caption: str
    dataset: str
    evidence: bool


def check(model: type[BaseModel], document: Block, path: Path, again: str) -> Block:
    """The document as it is; InputError naming the first thing that `model` lacks in it.

    again: what to do then.
    """
    try:
        model.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        *outer, last = [str(part) for part in first["loc"]] or [""]
        place = ", ".join(filter(None, [str(path), ".".join(outer if last else [])]))
        reason = first["msg"].removeprefix("Value error, ")
        message = {
            "missing": f"{place}: expected '{last}', found no such key",
            "value_error": f"{place}: expected {reason}",
        }.get(first["type"], f"{place}: {last}: {reason}, found {str(first['input'])[:60]}")
        raise InputError(f"{message}; {again}") from error
    return document


@dataclass(frozen=True)
class Picture:
    """An image file's bytes."""

    content: bytes
    kind: Literal["png", "svg+xml"]

    @property
    def uri(self) -> str:
        """The image as a data URI. A browser runs no script of an SVG that it meets as an image."""
        return f"data:image/{self.kind};base64,{base64.b64encode(self.content).decode()}"


def picture(content: bytes, path: Path) -> Picture:
    """The image of a file; InputError unless it begins as its ending says."""
    if not content.startswith(SIGNATURES[path.suffix]):
        raise InputError(
            f"{path}: expected a picture in {path.suffix[1:].upper()}, found {len(content):,} "
            "bytes of something else; have it drawn again"
        )
    return Picture(content, "svg+xml" if path.suffix == ".svg" else "png")


@dataclass(frozen=True)
class Code:
    """With what to run it again.

    commit:     short name of the commit checked out, None without Git
    changed:    files that decide a result and are not as in that commit
    options:    of `dvc exp run`, which lead from the commit's params.yaml to the settings used
    unrecorded: datasets of which dvc.lock does not know how their images were prepared
    """

    commit: str | None
    changed: Sequence[str]
    options: Sequence[str]
    unrecorded: Sequence[str] = ()


@dataclass(frozen=True)
class Contents:
    """Everything that is shown; what is absent, or belongs to other runs, has an empty container.

    summary:    metrics/summary.json, see `Summary`
    mismatches: what does not belong to the runs of the summary, see `provenance.mismatches`
    unchanged:  how many of the summary's sources are there, as they were
    audits:     by dataset, of `clfer.audit.leakage.leakage`
    cards:      by cell, the card of its model as `clfer.model.bundle` writes it
    plots:      by file name without its ending, what `clfer significance` drew
    figures:    what `clfer figure` drew, each with its caption
    """

    summary: Mapping[str, Any]
    code: Code
    mismatches: Sequence[str] = ()
    unchanged: int = 0
    audits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cards: Mapping[Cell, Mapping[str, Any]] = field(default_factory=dict)
    plots: Mapping[str, Picture] = field(default_factory=dict)
    tables: Sequence[Mapping[str, Any]] = ()
    figures: Sequence[tuple[Block, Picture]] = ()
