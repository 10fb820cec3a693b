"""Channels of one block on one face by the semantic group that they belong to (Fig. 10)."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from clfer.figures.montage import WIDE, coloured, montage, scale
from clfer.figures.page import WIDTH, heading, page

CAPTION = (
    "One validation face and the strongest channels of block {block}, a row for each semantic "
    "group, from the group that responds highest on the face to the lowest; below the name of a "
    "variant, how many channels each of its groups has. Each map is scaled from its own lowest to "
    "its own highest response; fewer maps stand where a group has fewer channels."
)
NAMES, BAR, AROUND = 0.9, 0.55, 1.0
LARGEST = 0.9
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
    parts = [pictures, *(coloured(one) for one in maps.values())]
    columns = sum(part.shape[1] for part in parts) + WIDE * len(maps)
    cell = min((WIDTH - NAMES - BAR) / columns, LARGEST)
    counts = [", ".join(map(str, sizes[name])) for name in maps]
    names = [f"{name}\n{count} channels" for name, count in zip(maps, counts, strict=True)]
    with page(path, NAMES + cell * columns + BAR, AROUND + cell * groups) as figure:
        heading(figure, title)
        axes = figure.subplots()
        places = montage(axes, parts, ["face", *names])
        axes.set_yticks(range(groups), _rows(groups), fontsize=8)
        ranks = [f"{rank}." for one in maps.values() for rank in range(1, one.shape[1] + 1)]
        axes.set_xticks(places[1:], ranks, fontsize=8)
        axes.set_xlabel("strongest channels of the group", fontsize=8)
        scale(figure, axes, "response, within each map")


def _rows(groups: int) -> list[str]:
    """Names of the groups, of which the ends are known."""
    ends = {1: " (top)", groups: " (bottom)"}
    return [f"group {k}{ends.get(k, '')}" for k in range(1, groups + 1)]
