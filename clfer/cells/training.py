"""Cells trained one after the other."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clfer.cells.plan import Pack, missing, place
from clfer.cells.results import write
from clfer.model.variant import Variant
from clfer.progress import Track
from clfer.scratch import fingerprint
from clfer.training.checkpoints import FORMAT, Checkpoint, Keeper, Resumable, claim
from clfer.training.deterministic import threads
from clfer.training.loop import train
from clfer.training.recipe import Recipe
from clfer.training.state import Row

PAUSE = 60  # seconds between two states of an unfinished cell


class Seldom:
    """A checkpoint that is not written more often than every `PAUSE` seconds: writing one takes as
    long as a GPU trains an epoch.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint, self.last = checkpoint, time.monotonic()

    def save(self, state: Resumable) -> None:
        if time.monotonic() - self.last >= PAUSE:
            self.checkpoint.save(state)
            self.last = time.monotonic()

    def resume(self, state: Resumable) -> None:
        self.checkpoint.resume(state)

    def aside(self, name: str, tensors: Mapping[str, Tensor]) -> Path:
        return self.checkpoint.aside(name, tensors)


@contextmanager
def kept(out: Path, cell: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Seldom]:
    """The cell for this process alone, and its state from before, if it was interrupted."""
    all_of_it = fingerprint(FORMAT, cell, sources, torch.__version__)
    with claim(out / ".unfinished" / all_of_it) as checkpoint:
        yield Seldom(checkpoint)


Keeping = Callable[[Path, Mapping[str, Any], Mapping[str, str]], AbstractContextManager[Keeper]]


def train_cells(
    pack: Pack, out: Path, seconds: float, track: Track, keeping: Keeping = kept
) -> int:
    """Train what is not there yet, in the order of the plan; the number of cells left.

    After the first, no cell is begun for which, if it takes as long as the longest so far, not
    enough of `seconds` is left. keeping: where an unfinished cell has its state.
    """
    started, longest = time.monotonic(), 0.0
    absent = missing(pack.plan, out)
    for number, cell in enumerate(absent):
        begun = time.monotonic()
        if longest and begun - started + longest > seconds:
            return len(absent) - number
        recipe = Recipe.model_validate(cell["recipe"])
        with keeping(out, cell, pack.plan["sources"]) as keeper, threads(recipe.threads):
            variant = Variant.model_validate(cell["modules"])
            epochs: list[Row] = []
            state = train(
                pack.faces,
                pack.splits,
                recipe,
                variant,
                cell["seed"],
                keeper,
                track,
                epochs.append,
            )
            taken = time.monotonic() - begun
            whole = taken if len(epochs) == recipe.epochs else None
            write(pack, cell, recipe, variant, state, whole, place(out, cell))
        longest = max(longest, taken)
        best = state.history[state.best_epoch - 1]
        print(
            f"{cell['variant']} {cell['seed']}: {taken:.1f} s, epoch {state.best_epoch} of "
            f"{recipe.epochs}, val accuracy {best['val_accuracy']:.4f}",
            flush=True,
        )
    return 0
