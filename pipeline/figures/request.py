"""What a figure is asked for, what it answers, and the trained runs that it is drawn from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from clfer.errors import InputError
from pipeline import paths
from pipeline.params import block

Cells = dict[str, list[int]]  # seeds by variant


class Request(NamedTuple):
    """The options of `clfer figure`; None or nothing where the figure shall choose."""

    dataset: str
    variants: list[str]
    seed: int | None
    images: int | None
    block: int | None
    row: int | None
    runs: Path  # the folder of models, VARIANT/SEED below it

    def run(self, variant: str, seed: int) -> Path:
        """The folder of a model."""
        return self.runs / variant / str(seed)


class Drawing(NamedTuple):
    """A figure that can be drawn with a title to a path, and what is said of it."""

    title: str
    caption: str
    draw: Callable[[str, Path], None]
    variants: list[str]
    seeds: list[int]
    notes: list[str]


def trained(request: Request, usual: Sequence[str]) -> tuple[Cells, list[str]]:
    """The runs to draw: of the variants asked for, else of the `usual` ones that there are, and a
    note on those that there are not.

    Raises InputError naming the command that trains what was asked for and is missing.
    """
    cells = {name: _seeds(request, name) for name in request.variants or usual}
    missing = [name for name, seeds in cells.items() if not seeds]
    if request.variants or len(missing) == len(cells):
        for name in missing:
            block("variants", name)
            number = request.seed or 0
            path = request.run(name, number) / paths.MODEL
            paths.existing(path, f"train {request.dataset} {name} {number}")
    notes = [
        f"without {name}, which is not trained: `clfer train {request.dataset} {name} "
        f"{request.seed or 0}`"
        for name in missing
    ]
    return {name: seeds for name, seeds in cells.items() if seeds}, notes


def shared(cells: Cells) -> int:
    """The first seed that all variants were trained with."""
    common = set.intersection(*(set(seeds) for seeds in cells.values()))
    if not common:
        found = "; ".join(f"{name} {', '.join(map(str, seeds))}" for name, seeds in cells.items())
        raise InputError(
            f"runs: expected a seed that all variants were trained with; found {found}"
        )
    return min(common)


def every(cells: Cells) -> list[int]:
    """All seeds that occur."""
    return sorted({seed for seeds in cells.values() for seed in seeds})


def _seeds(request: Request, variant: str) -> list[int]:
    """The seeds with which a variant was trained; the one asked for, if it was."""
    folder = request.runs / variant
    done = folder.glob(f"*/{paths.MODEL}")
    seeds = sorted(int(path.parent.name) for path in done if path.parent.name.isdigit())
    return [seed for seed in seeds if request.seed in (None, seed)]
