"""The cells of a grid trained apart from the pipeline: on a machine that has a GPU and PyTorch for
some minutes, and neither DVC nor polars.

    clfer pack ferplus PACK            # where the pipeline is: faces, splits, and what to train
    python -m clfer.cells PACK OUT     # where the GPU is
    clfer experiment ferplus --dataset ferplus --cells OUT

A cell is what `clfer train` and `clfer evaluate` make of the same settings on that machine. Each
leaves its history, predictions and weights as soon as it is done; started again, it is left out.

OUT/VARIANT/SEED/history.csv         an epoch a row, with the accuracy on the test images, which
                                     chooses nothing
OUT/VARIANT/SEED/model.safetensors   the weights of the epoch that validation chose, as float16
OUT/VARIANT/SEED/predictions.npz     val, test [N, C]: probabilities by these weights in float32,
                                     in the order of the pack's splits; written last
OUT/machine.json                     device, versions, and how long each cell took
"""

import argparse
import csv
import json
import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision

from clfer import __version__
from clfer.errors import InputError
from clfer.files import replacing
from clfer.model.bundle import card, save
from clfer.model.variant import Variant
from clfer.progress import silent
from clfer.training.checkpoints import Resumable
from clfer.training.examples import Examples, Faces
from clfer.training.loop import train
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.state import Row, State

FACES, SPLITS, PLAN = "faces.npy", "splits.npz", "plan.json"
HISTORY, MODEL, PREDICTIONS = "history.csv", "model.safetensors", "predictions.npz"
MACHINE = "machine.json"
PARTS = ("train", "val", "test")


class Unkept:
    """No checkpoint: a cell takes a minute, and is trained from its start or not at all."""

    def save(self, state: Resumable) -> None: ...
    def resume(self, state: Resumable) -> None: ...


@dataclass(frozen=True)
class Pack:
    """What a grid is trained from. plan: dataset, classes, cells, and where the faces came from."""

    faces: Faces
    splits: Mapping[str, Examples]
    plan: Mapping[str, Any]


def read(folder: Path, device: torch.device) -> Pack:
    """A pack; InputError where one of its files is missing."""
    for name in (FACES, SPLITS, PLAN):
        if not (folder / name).is_file():
            raise InputError(f"{folder / name} is missing; `clfer pack` writes it")
    found = np.load(folder / SPLITS)
    splits = {
        part: Examples(
            *(torch.from_numpy(found[f"{part}_{one}"]) for one in ("face", "label", "target"))
        )
        for part in PARTS
    }
    faces = Faces(np.load(folder / FACES), device, memory=32.0)
    return Pack(faces, splits, json.loads((folder / PLAN).read_text()))


def train_cells(pack: Pack, out: Path, seconds: float) -> int:
    """Train what is not there yet, in the order of the plan; the number of cells left.

    No cell is begun that would take longer than what is left of `seconds`, as the longest so far.
    """
    started, longest, left = time.monotonic(), 0.0, 0
    for cell in pack.plan["cells"]:
        there = out / cell["variant"] / str(cell["seed"])
        if (there / PREDICTIONS).exists():
            continue
        begun = time.monotonic()
        if begun - started + longest > seconds:
            left += 1
            continue
        state = _train(pack, cell)
        _write(pack, cell, state, there)
        taken = time.monotonic() - begun
        longest = max(longest, taken)
        _note(pack, out, cell, taken)
        chosen = state.history[state.best_epoch - 1]
        print(
            f"{cell['variant']} {cell['seed']}: {taken:.1f} s, epoch {state.best_epoch}, "
            f"val {chosen['val_accuracy']:.4f}, last val {state.history[-1]['val_accuracy']:.4f}",
            flush=True,
        )
    return left


def _train(pack: Pack, cell: Mapping[str, Any]) -> State:
    recipe = Recipe.model_validate(cell["recipe"])
    variant = Variant.model_validate(cell["modules"])
    return train(
        pack.faces, pack.splits, recipe, variant, cell["seed"], Unkept(), silent, lambda row: None
    )


def _write(pack: Pack, cell: Mapping[str, Any], state: State, out: Path) -> None:
    """The three files of a cell, the predictions last."""
    recipe = Recipe.model_validate(cell["recipe"])
    device = pack.faces.device
    network = state.network
    network.load_state_dict(state.best)
    exact = torch.autocast(device.type, enabled=False)
    probability = {
        part: predict(network, pack.faces, pack.splits[part].face, recipe, exact, silent)
        for part in ("val", "test")
    }
    provenance = {
        "dataset": pack.plan["dataset"],
        "variant": cell["variant"],
        "seed": cell["seed"],
        "epoch": state.best_epoch,
        "selected_on": recipe.select,
        "accuracy": {"val": state.history[state.best_epoch - 1]["val_accuracy"]},
        "recipe": recipe.model_dump(),
        "clfer": __version__,
        **pack.plan["sources"],
    }
    bundle = card(
        tuple(pack.plan["classes"]),
        recipe.backbone,
        recipe.stem,
        Variant.model_validate(cell["modules"]),
        recipe,
        provenance,
    )
    half = {k: v.half() if v.is_floating_point() else v for k, v in state.best.items()}
    save(half, bundle, out / MODEL)
    with replacing(out / HISTORY) as temporary:
        _write_history(state.history, temporary)
    with replacing(out / PREDICTIONS) as temporary:
        np.savez(temporary, **{part: values.cpu().numpy() for part, values in probability.items()})


def _write_history(rows: list[Row], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _note(pack: Pack, out: Path, cell: Mapping[str, Any], taken: float) -> None:
    """Add a cell's time to what is said about the machine."""
    path, device = out / MACHINE, pack.faces.device
    known = json.loads(path.read_text()) if path.exists() else {"seconds": {}}
    known |= {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "clfer": __version__,
    }
    known["seconds"][f"{cell['variant']}/{cell['seed']}"] = round(taken, 1)
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(known, indent=2) + "\n")


def main() -> None:
    """Train the cells of a pack; exit status 1 with one line where it is broken."""
    parser = argparse.ArgumentParser(prog="python -m clfer.cells", description=main.__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Time there is.")
    given = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        left = train_cells(read(given.pack, device), given.out, given.seconds)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    print(f"{left} cells left" if left else "all cells are there", flush=True)


if __name__ == "__main__":
    main()
