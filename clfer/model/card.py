"""The card of a model: what has to be known to use it, and where it comes from.

This file imports nothing heavy, so that a model can be read where PyTorch is not installed.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clfer.errors import InputError
from clfer.faces.preprocessing import MEAN, STD, Cut, View
from clfer.model.variant import Variant
from clfer.settings import Settings

FORMAT = 2
METADATA = "clfer"  # one entry: several would be written in no fixed order, and bytes must repeat


class Card(Settings):
    """What has to be known to use a network, and where it comes from."""

    format: int
    classes: tuple[str, ...]
    backbone: str
    stem: str
    variant: Variant
    cut: Cut
    view: View
    mean: tuple[float, ...]  # per channel, of pixels in [0, 1]
    std: tuple[float, ...]
    provenance: dict[str, Any]

    def text(self) -> str:
        """The card as JSON; the same card gives the same text."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def card(
    classes: tuple[str, ...],
    backbone: str,
    stem: str,
    variant: Variant,
    cut: Cut,
    view: View,
    provenance: dict[str, Any],
) -> Card:
    """The card of a network trained here."""
    return Card(
        format=FORMAT,
        classes=classes,
        backbone=backbone,
        stem=stem,
        variant=variant,
        cut=Cut(**{name: getattr(cut, name) for name in Cut.model_fields}),
        view=View(resize=view.resize, crop=view.crop),
        mean=MEAN,
        std=STD,
        provenance=provenance,
    )


def read(text: str | None, path: Path) -> Card:
    """The card that stood in the file at `path`. Raises InputError naming what does not fit."""
    if text is None:
        raise InputError(f"{path}: expected a model written by clfer, found one without its card")
    again = "export" if path.suffix == ".onnx" else "train"
    try:
        found = json.loads(text)
        version = found.get("format") if isinstance(found, dict) else None
        if version != FORMAT:
            raise InputError(
                f"{path}: expected a card of format {FORMAT}, found {_shown(version)}; {again} it "
                "again with this version of clfer, or use it with the one that wrote it"
            )
        return Card.model_validate(found)
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        place = ".".join(map(str, first["loc"])) if first else "no JSON"
        raise InputError(
            f"{path}: expected a card of format {FORMAT}, found one that is broken ({place}); "
            f"{again} it again"
        ) from error


def _shown(version: object) -> str:
    return str(version) if isinstance(version, int) else "another"
