"""What a report is made of: files of the pipeline, already read."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Cell = tuple[str, str, int]  # dataset, variant, seed


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
    """A figure as `clfer figure` draws it, with what its sidecar says, see `checks.FIGURE`."""

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

    summary: of `clfer.scoring.summary.summarise`
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
    tables: Sequence[Mapping[str, Any]] = ()  # of `clfer experiment`, see `checks.TABLE`
    figures: Sequence[Figure] = ()
