"""Pairs of faces that are the same photograph, side by side, for people to look through."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

SIDE = 96
LABEL = 28  # two lines
HEADING = 22
GAP = 8
COLUMNS = 6


Face = tuple[UInt8[np.ndarray, "_ _ _"], str]  # [S, S, C] of any size, and a line as caption
Pair = Sequence[Face]  # two


def draw(sections: dict[str, Sequence[Pair]], path: Path) -> None:
    """A sheet of pairs under the headings of `sections`; empty ones are left out."""
    shown = {heading: pairs for heading, pairs in sections.items() if pairs}
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    lines = {heading: -(-len(pairs) // COLUMNS) for heading, pairs in shown.items()}
    total = sum(HEADING + lines[heading] * height for heading in shown)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, max(total, HEADING) + GAP), "white")
    text = ImageDraw.Draw(sheet).text
    y = GAP
    if not shown:
        text((GAP, y), "no pairs", fill="black")
    for heading, pairs in shown.items():
        text((GAP, y), heading, fill="black", font_size=14)
        y += HEADING
        for place, pair in enumerate(pairs):
            left, top = GAP + place % COLUMNS * width, y + place // COLUMNS * height
            text((left, top), "\n".join(caption for _, caption in pair), fill="black")
            for i, (face, _) in enumerate(pair):
                square = Image.fromarray(np.squeeze(face)).convert("RGB").resize((SIDE, SIDE))
                sheet.paste(square, (left + i * SIDE, top + LABEL))
        y += lines[heading] * height
    sheet.save(path)
