"""Pairs of faces that are the same photograph, side by side, for people to look through."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

SIDE = 96
LABEL = 28  # two lines
HEADING = 22
GAP = 8
COLUMNS = 6


class Pair(NamedTuple):
    """Two faces [S, S, C], and a line for each."""

    faces: tuple[UInt8[np.ndarray, "S S C"], UInt8[np.ndarray, "S S C"]]
    captions: tuple[str, str]


def draw(sections: dict[str, Sequence[Pair]], path: Path) -> None:
    """A sheet of pairs under the headings of `sections`; empty ones are left out."""
    shown = {heading: pairs for heading, pairs in sections.items() if pairs}
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    lines = {heading: -(-len(pairs) // COLUMNS) for heading, pairs in shown.items()}
    total = sum(HEADING + lines[heading] * height for heading in shown)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, max(total, HEADING) + GAP), "white")
    write = ImageDraw.Draw(sheet).text
    y = GAP
    if not shown:
        write((GAP, y), "no pairs", fill="black")
    for heading, pairs in shown.items():
        write((GAP, y), heading, fill="black", font_size=14)
        y += HEADING
        for place, pair in enumerate(pairs):
            left, top = GAP + place % COLUMNS * width, y + place // COLUMNS * height
            write((left, top), "\n".join(pair.captions), fill="black")
            for i, face in enumerate(pair.faces):
                square = Image.fromarray(np.squeeze(face)).convert("RGB").resize((SIDE, SIDE))
                sheet.paste(square, (left + i * SIDE, top + LABEL))
        y += lines[heading] * height
    sheet.save(path)
