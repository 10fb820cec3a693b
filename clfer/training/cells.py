"""Cells trained one after the other in one process, each left out where it is there already.

VARIANT/SEED/ has the files of `training.cell`, and

predictions.npz   val, test [N, C]: class probabilities in float32, in the order of the splits
cell.json         settings, sources, version of the code, device, seconds; written last
"""

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from torch import Tensor

from clfer import __version__
from clfer.errors import InputError
from clfer.files import replacing
from clfer.model.variant import Variant
from clfer.progress import Track, silent
from clfer.training.cell import Cell, Data, predictions, train_cell
from clfer.training.checkpoints import CODE, Checkpoint, Checkpointer, Resumable, claim
from clfer.training.pack import described, undamaged
from clfer.training.recipe import Recipe
from clfer.training.state import Row, State

CELL, PREDICTIONS = "cell.json", "predictions.npz"
PAUSE = 60  # seconds between two states of an unfinished cell
# of a recipe: they change rounding at most, or what is looked at
FREE = {"compile", "deterministic", "precision", "threads", "watch_test"}


def sped(cells: Sequence[Cell], compiled: bool, precision: str | None) -> list[Cell]:
    """The cells with `train.compile`, and another `train.precision`, where asked for."""
    over: dict[str, Any] = {"compile": True} if compiled else {}
    over |= {"precision": precision} if precision else {}
    return [replace(one, recipe=one.recipe.model_copy(update=over)) for one in cells]


def place(out: Path, cell: Cell) -> Path:
    """The folder of a cell."""
    return out / cell.name / str(cell.seed)


def missing(cells: Sequence[Cell], data: Data, out: Path, training: bool = True) -> list[Cell]:
    """The cells that are not there.

    Raises InputError where one was trained with other settings or from other files, which would be
    passed off as something that it is not; likewise, by other code than today's where the missing
    ones are to be trained, and by other code than the first where not.
    """
    absent: list[Cell] = []
    code = CODE if training else None
    for cell in cells:
        path = place(out, cell) / CELL
        if not path.exists():
            absent.append(cell)
            continue
        # to tabulate it, the weights that it started from need not be here
        sources = cell.sources(data) if training else data.sources
        with undamaged(path):
            found = json.loads(path.read_text())
            was = _compared(found)
            if not training:
                was["sources"] = {key: was["sources"].get(key) for key in sources}
        _refuse_other(path.parent, was, _compared({**described(cell), "sources": sources}))
        version = found.get("code", 0)
        code = version if code is None else code
        if version != code:
            raise InputError(
                f"{path.parent}: trained by version {version} of the training code, expected "
                f"{code}; name another folder by --cells, or delete this one"
            )
    return absent


def _compared(cell: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a cell's numbers depend on, beside its seed; settings that came later have defaults."""
    fields = Recipe.model_fields.items()
    defaults = {name: field.default for name, field in fields if not field.is_required()}
    recipe = {**defaults, **cell["recipe"]}
    return {
        "modules": Variant.model_validate(cell["modules"]).model_dump(mode="json"),
        "recipe": {key: value for key, value in recipe.items() if key not in FREE},
        "sources": dict(cell["sources"]),
    }


def _refuse_other(folder: Path, was: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    for block in now:
        for key in sorted({*was[block], *now[block]}):
            if (found := was[block].get(key)) != (expected := now[block].get(key)):
                raise InputError(
                    f"{folder}: trained with other settings, {block}.{key}: expected {expected}, "
                    f"found {found}; name another folder by --cells, or delete this one"
                )


class Throttled:
    """A checkpoint written at most every `PAUSE` seconds: writing one takes as long as a GPU trains
    an epoch.
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


Opened = Callable[[Cell, Data, Path], AbstractContextManager[Checkpointer]]


@contextmanager
def opened(cell: Cell, data: Data, out: Path) -> Iterator[Checkpointer]:
    """The state of a cell that was interrupted, for this process alone."""
    with claim(out / ".unfinished" / cell.fingerprint(data)) as checkpoint:
        yield Throttled(checkpoint)


def train_cells(
    cells: Sequence[Cell],
    data: Data,
    out: Path,
    seconds: float = float("inf"),
    track: Track = silent,
    say: Callable[[str], None] = print,
    state_of: Opened = opened,
) -> int:
    """Train the cells that are missing, in their order; how many are left.

    After the first, no cell is begun that would not fit into `seconds` if it took as long as the
    longest so far.
    """
    started, longest = time.monotonic(), 0.0
    absent = missing(cells, data, out)
    for number, cell in enumerate(absent):
        begun = time.monotonic()
        if longest and begun - started + longest > seconds:
            return len(absent) - number
        epochs: list[Row] = []
        with state_of(cell, data, out) as checkpoint:
            state = train_cell(cell, data, checkpoint, place(out, cell), track, epochs.append)
            taken = time.monotonic() - begun
            # nobody knows what an earlier process took that was interrupted
            whole = taken if len(epochs) == cell.recipe.epochs else None
            finish(cell, data, state, whole, place(out, cell))
        longest = max(longest, taken)
        best = state.history[state.best_epoch - 1]
        say(
            f"{cell.name} {cell.seed}: {taken:.1f} s, epoch {state.best_epoch} of "
            f"{cell.recipe.epochs}, val accuracy {best['val_accuracy']:.4f}"
        )
    return 0


def finish(cell: Cell, data: Data, state: State, seconds: float | None, folder: Path) -> None:
    """Predict val and test with the selected weights, and write what says that the cell is done."""
    network, device = state.network, data.faces.device
    network.load_state_dict(state.best)
    probability: dict[str, Any] = {
        part: predictions(network, data, part, cell.recipe).cpu().numpy()
        for part in ("val", "test")
    }
    facts = {
        **described(cell),
        "dataset": data.name,
        "sources": cell.sources(data),
        "code": CODE,
        "epoch": state.best_epoch,
        "seconds": None if seconds is None else round(seconds, 1),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "clfer": __version__,
    }
    with replacing(folder / PREDICTIONS) as temporary:
        np.savez_compressed(temporary, **probability)
    with replacing(folder / CELL) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")
