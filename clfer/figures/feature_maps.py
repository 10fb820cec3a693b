"""Where each block of some networks responds, on the same faces (Fig. 7, 11)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from clfer.figures import montage

CAPTION = (
    "Validation faces (rows) and the mean absolute activation over the channels of each block of "
    "each variant: bright is where the block responds. Each map is scaled from its own lowest to "
    "its own highest response; the number below a column is the mean activation over these faces."
)


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
    parts = [faces[:, None], *(montage.coloured(one) for one in maps.values())]
    columns = [
        f"block {j}\n{_short(level)}"
        for one in levels.values()
        for j, level in enumerate(one, start=1)
    ]
    montage.draw(parts, ["face", *maps], labels, ["", *columns], title, path)


def _short(level: float) -> str:
    """Two decimals, of small numbers two digits, of large ones none."""
    return f"{level:.2g}" if level < 0.1 else f"{level:.2f}" if level < 10 else f"{level:.0f}"
