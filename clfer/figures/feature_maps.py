"""Where each block of some networks responds, on the same faces (Fig. 7, 11)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from clfer.figures.montage import WIDE, coloured, montage, scale
from clfer.figures.page import WIDTH, heading, page

CAPTION = (
    "Validation faces (rows) and the mean absolute activation over the channels of each block of "
    "each variant: bright is where the block responds. Each map is scaled from its own lowest to "
    "its own highest response; the number below a column is the mean activation over these faces."
)
# Inches: names of the classes, the colour bar, above and below the faces.
NAMES, BAR, AROUND = 0.75, 0.55, 0.85
LARGEST = 0.9  # inches, of a face


def draw(
    faces: Float[np.ndarray, "F S S 3"],
    labels: Sequence[str],
    maps: Mapping[str, Float[np.ndarray, "F L S S"]],
    levels: Mapping[str, Float[np.ndarray, " L"]],
    title: str,
    path: Path,
) -> None:
    """Draw the faces, values in [0, 1], and beside them the `maps` of each variant, each in [0, 1].

    levels: what stands below the column of each block
    """
    parts = [faces[:, None], *(coloured(one) for one in maps.values())]
    columns = sum(part.shape[1] for part in parts) + WIDE * len(maps)
    cell = min((WIDTH - NAMES - BAR) / columns, LARGEST)
    with page(path, NAMES + cell * columns + BAR, AROUND + cell * len(faces)) as figure:
        heading(figure, title)
        axes = figure.subplots()
        places = montage(axes, parts, ["face", *maps])
        axes.set_yticks(range(len(labels)), labels, fontsize=8)
        axes.set_xticks(places[1:], _words(list(levels.values())), fontsize=6.5)
        scale(figure, axes, "response, within each map")


def _words(levels: Sequence[Float[np.ndarray, " L"]]) -> list[str]:
    """What stands below each map."""
    return [f"block {j}\n{level:.2g}" for one in levels for j, level in enumerate(one, start=1)]
