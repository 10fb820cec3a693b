"""Channels of one block on one face by the semantic group that they belong to (Fig. 10)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from clfer.figures import montage

CAPTION = (
    "One validation face and the strongest channels of block {block}, strongest first, a row for "
    "each semantic group, from the one that responds highest on the face to the lowest; above them "
    "how many channels each group has. Each map is scaled from its own lowest to its own highest "
    "response; fewer maps stand where a group has fewer channels."
)
CHANNELS = 4  # of each group, as in the paper


def draw(
    face: Float[np.ndarray, "S S 3"],
    maps: Mapping[str, Float[np.ndarray, "K N S S"]],
    sizes: Mapping[str, Sequence[int]],
    title: str,
    path: Path,
) -> None:
    """Draw the face, values in [0, 1], and for each variant N maps of each of K groups, each in
    [0, 1] or, where the group has fewer channels, all NaN.

    sizes: how many channels each group has
    """
    groups = len(next(iter(maps.values())))
    pictures = np.ones((groups, 1, *face.shape))
    pictures[0, 0] = face
    parts = [pictures, *(montage.coloured(one) for one in maps.values())]
    counts = [", ".join(map(str, sizes[name])) for name in maps]
    names = [f"{name}\n{count} channels" for name, count in zip(maps, counts, strict=True)]
    ranks = [f"{rank}." for one in maps.values() for rank in range(1, one.shape[1] + 1)]
    montage.draw(parts, ["face", *names], _rows(groups), ["", *ranks], title, path)


def _rows(groups: int) -> list[str]:
    """Names of the groups, of which the ends are known."""
    ends = {1: " (top)", groups: " (bottom)"}
    return [f"group {k}{ends.get(k, '')}" for k in range(1, groups + 1)]
