"""Mean ranks over several datasets on one line, with the critical difference (Demšar 2006)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clfer.figures import style
from clfer.figures.palette import COLOURS, GREY


def draw_ranks(document: Mapping[str, Any], path: Path) -> None:
    """The result of `clfer.scoring.ranks.mean_ranks`. Names that no critical difference parts are
    joined by a bar.
    """
    ranks, critical = document["ranks"], document["critical"]
    names = list(ranks)
    with style.page(path, style.WIDTH, 1.0 + 0.25 * len(names)) as figure:
        axes = figure.subplots()
        for place, (name, rank) in enumerate(ranks.items()):
            axes.plot([rank, rank], [0, -1 - place], color=GREY, linewidth=0.8)
            axes.plot(rank, 0, "o", color=COLOURS[0])
            axes.annotate(
                f" {name} ({rank:.2f})", (rank, -1 - place), va="center", parse_math=False
            )
        if critical:
            for height, (first, last) in enumerate(alike(list(ranks.values()), critical), start=1):
                axes.plot([first, last], [height / 4] * 2, color=COLOURS[1], linewidth=3)
            axes.set_title(f"critical difference {critical:.2f}")
        axes.set_xlim(0.8, len(names) + 1.5)
        axes.set_xticks(range(1, len(names) + 1))
        axes.set_xlabel(f"mean rank over {', '.join(document['datasets'])}; 1 is the best")
        axes.spines["left"].set_visible(False)
        axes.set_yticks([])


def alike(ranks: list[float], critical: float) -> list[tuple[float, float]]:
    """The longest stretches of ascending ranks that are less than `critical` apart."""
    found: list[tuple[float, float]] = []
    for first in ranks:
        last = max(one for one in ranks if one - first < critical)
        if last > first and not (found and found[-1][1] >= last):
            found.append((first, last))
    return found
