"""The cells of a grid trained in one process, without the pipeline: on whatever machine has a GPU
and PyTorch for some minutes, and neither DVC nor polars.

    clfer grid ferplus --pack PACK     # where the pipeline is: faces, splits, and what to train
    python -m clfer.cells PACK CELLS   # where the GPU is
    clfer grid ferplus --cells CELLS --no-train    # and back: scores, tests, curves

A cell is what `clfer train` and `clfer evaluate` make of the same settings on that machine. Each
leaves its files as soon as it is done; started again, it is left out.

CELLS/VARIANT/SEED/history.csv         an epoch a row; the accuracy on the test images stands there
                                       as well, and chooses nothing
CELLS/VARIANT/SEED/model.safetensors   the weights of the epoch that validation chose, as float16
CELLS/VARIANT/SEED/predictions.npz     val, test [N, C]: probabilities by these weights, computed in
                                       float32, kept as float16, in the order of the pack's splits
CELLS/VARIANT/SEED/cell.json           settings, sources, device, versions, seconds; written last
"""

import argparse
import csv
import json
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from jaxtyping import Float
from torch import Tensor

from clfer import __version__
from clfer.archives import DAMAGE
from clfer.ending import orderly
from clfer.errors import InputError, trouble
from clfer.files import replacing
from clfer.model.bundle import card, save
from clfer.model.variant import Variant
from clfer.progress import Track, silent
from clfer.scratch import fingerprint
from clfer.training.checkpoints import FORMAT, Checkpoint, Resumable, claim
from clfer.training.examples import Examples, Faces
from clfer.training.loop import train
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.state import Row, State

FACES, SPLITS, PLAN = "faces.npy", "splits.npz", "plan.json"
HISTORY, MODEL, PREDICTIONS = "history.csv", "model.safetensors", "predictions.npz"
CELL = "cell.json"
PARTS = ("train", "val", "test")
COLUMNS = ("face", "label", "target")
SETTINGS = ("modules", "recipe", "sources")  # what a cell's numbers depend on, beside its seed
SPEED = ("compile", "deterministic")  # settings that change nothing but rounding
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


@dataclass(frozen=True)
class Pack:
    """What a grid is trained from. plan: dataset, classes, sources and cells."""

    faces: Faces
    splits: Mapping[str, Examples]
    plan: Mapping[str, Any]


def read(folder: Path, device: torch.device) -> Pack:
    """A pack; InputError where one of its files is missing."""
    for name in (FACES, SPLITS, PLAN):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; `clfer grid --pack` writes it")
    with whole(folder / SPLITS), np.load(folder / SPLITS) as found:
        splits = {
            part: Examples(*(torch.from_numpy(found[f"{part}_{one}"]) for one in COLUMNS))
            for part in PARTS
        }
    with whole(folder / FACES):
        faces = Faces(np.load(folder / FACES, mmap_mode="r"), device, memory=8.0)
    with whole(folder / PLAN):
        return Pack(faces, splits, json.loads((folder / PLAN).read_text()))


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """InputError where reading a file in the block shows that it is damaged."""
    try:
        yield
    except (ValueError, TypeError, KeyError, *DAMAGE) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: expected a whole file, found it damaged ({reason}); delete it, and what it "
            "is part of, and have it written again"
        ) from error


def compiled(pack: Pack) -> Pack:
    """The same with `train.compile` in every cell."""
    cells = [{**cell, "recipe": {**cell["recipe"], "compile": True}} for cell in pack.plan["cells"]]
    return replace(pack, plan={**pack.plan, "cells": cells})


def missing(plan: Mapping[str, Any], out: Path) -> list[dict[str, Any]]:
    """The cells of a plan that are not there. InputError where one was trained with other settings
    than the plan's: it would be passed off as something that it is not.
    """
    absent = []
    for cell in plan["cells"]:
        path = place(out, cell) / CELL
        if not path.exists():
            absent.append(cell)
            continue
        wanted = {**cell, "sources": plan["sources"]}
        with whole(path):
            found = json.loads(path.read_text())
            found = {block: dict(found[block]) for block in SETTINGS}
        for block in SETTINGS:
            for key in sorted({*found[block], *wanted[block]} - {*SPEED}):
                was, now = found[block].get(key), wanted[block].get(key)
                if was != now:
                    raise InputError(
                        f"{path.parent}: trained with other settings, {block}.{key}: expected "
                        f"{now}, found {was}; name another folder by --cells, or delete this one"
                    )
    return absent


def place(out: Path, cell: Mapping[str, Any]) -> Path:
    """The folder of a cell."""
    return out / str(cell["variant"]) / str(cell["seed"])


def train_cells(pack: Pack, out: Path, seconds: float, track: Track) -> int:
    """Train what is not there yet, in the order of the plan; the number of cells left.

    After the first, no cell is begun for which, if it takes as long as the longest so far, not
    enough of `seconds` is left.
    """
    started, longest = time.monotonic(), 0.0
    absent = missing(pack.plan, out)
    for number, cell in enumerate(absent):
        begun = time.monotonic()
        if longest and begun - started + longest > seconds:
            return len(absent) - number
        with _keeper(out, cell, pack.plan["sources"]) as keeper:
            recipe = Recipe.model_validate(cell["recipe"])
            variant = Variant.model_validate(cell["modules"])
            state = train(
                pack.faces,
                pack.splits,
                recipe,
                variant,
                cell["seed"],
                keeper,
                track,
                lambda row: None,
            )
            taken = time.monotonic() - begun
            _write(pack, cell, recipe, variant, state, taken, place(out, cell))
        longest = max(longest, taken)
        best = state.history[state.best_epoch - 1]
        print(
            f"{cell['variant']} {cell['seed']}: {taken:.1f} s, epoch {state.best_epoch} of "
            f"{recipe.epochs}, val accuracy {best['val_accuracy']:.4f}",
            flush=True,
        )
    return 0


@contextmanager
def _keeper(out: Path, cell: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[Seldom]:
    """The cell for this process alone, and its state from before, if it was interrupted."""
    all_of_it = fingerprint(FORMAT, cell, sources, torch.__version__)
    with claim(out / ".unfinished" / all_of_it) as checkpoint:
        yield Seldom(checkpoint)


def _write(
    pack: Pack,
    cell: Mapping[str, Any],
    recipe: Recipe,
    variant: Variant,
    state: State,
    taken: float,
    out: Path,
) -> None:
    """The four files of a cell, what says that it is done last."""
    network, device = state.network, pack.faces.device
    network.load_state_dict(state.best)
    exact = torch.autocast(device.type, enabled=False)
    probability = {
        part: predict(network, pack.faces, pack.splits[part].face, recipe, exact, silent)
        for part in ("val", "test")
    }
    facts = {
        **cell,
        "dataset": pack.plan["dataset"],
        "sources": pack.plan["sources"],
        "epoch": state.best_epoch,
        "seconds": round(taken, 1),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "clfer": __version__,
    }
    provenance = {
        **{key: facts[key] for key in ("dataset", "variant", "seed", "epoch", "recipe", "clfer")},
        "selected_on": recipe.select,
        "accuracy": {"val": state.history[state.best_epoch - 1]["val_accuracy"]},
        **pack.plan["sources"],
    }
    classes = tuple(pack.plan["classes"])
    bundle = card(classes, recipe.backbone, recipe.stem, variant, recipe, provenance)
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.best.items()}
    save(half, bundle, out / MODEL)
    with replacing(out / HISTORY) as temporary:
        _write_history(state.history, temporary)
    with replacing(out / PREDICTIONS) as temporary:
        save_predictions({k: v.cpu().numpy() for k, v in probability.items()}, temporary)
    with replacing(out / CELL) as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n")


def save_predictions(probability: Mapping[str, Float[np.ndarray, "N C"]], path: Path) -> None:
    """Probabilities by split as float16, which leaves every order of classes as it was."""
    small: dict[str, Any] = {part: one.astype(np.float16) for part, one in probability.items()}
    np.savez_compressed(path, **small)


def _write_history(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Train the cells of a pack that are not there yet."""
    parser = argparse.ArgumentParser(prog="python -m clfer.cells", description=main.__doc__)
    parser.add_argument("pack", type=Path, help="written by clfer grid --pack")
    parser.add_argument("cells", type=Path, help="where to put them")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="time there is")
    parser.add_argument("--compile", action="store_true", help="with train.compile")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        pack = read(given.pack, device)
        pack = compiled(pack) if given.compile else pack
        with orderly():
            left = train_cells(pack, given.cells, given.seconds, silent)
    except Exception as error:
        if (said := trouble(error)) is None:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(1)
    print(f"{left} cells left" if left else "all cells are there", flush=True)


if __name__ == "__main__":
    main()
