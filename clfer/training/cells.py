"""Training cells, and the files that they leave.

Whoever trains a cell calls `train_cell`: the stage `train`, `clfer experiment`, and
`python -m clfer.training` where there is neither DVC nor polars. The same settings, data, code and
machine give the same bytes.

history.csv            an epoch a row
features.safetensors   features of some validation faces after four epochs (t-SNE, Fig. 9)
model.safetensors      the weights of the selected epoch, with their metadata

`train_cells` trains a list of them into folders VARIANT/SEED/, which also have

predictions.npz   val, test [N, C]: class probabilities in float32, in the order of the splits;
                  with `watch_test: outputs` also val_epochs, test_epochs [E, N, C]: their
                  logarithms after every epoch in float16
cell.json         settings, sources, version of the code, device, seconds; written last
"""

import csv
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from safetensors.torch import save_file

from clfer import __version__, distributed
from clfer.errors import BusyError, InputError
from clfer.files import replacing, write_json
from clfer.model.bundle import card, save
from clfer.model.variant import Variant
from clfer.progress import Track, silent
from clfer.training.cell import CODE, Cell, Data
from clfer.training.loop import train
from clfer.training.machine import threads
from clfer.training.pack import undamaged
from clfer.training.prediction import predict
from clfer.training.state import Checkpoint, State, claim

HISTORY, FEATURES, MODEL = "history.csv", "features.safetensors", "model.safetensors"
CELL, PREDICTIONS = "cell.json", "predictions.npz"
PARTS = ("val", "test")
WAIT = 1  # seconds
PAUSE = 60  # seconds between two checkpoints; writing one takes as long as a GPU trains an epoch
# of a recipe: they change rounding at most, or what is measured
FREE = {"compile", "deterministic", "precision", "threads", "watch_test"}


def train_cell(
    cell: Cell,
    data: Data,
    checkpoint: Checkpoint,
    folder: Path,
    track: Track,
    report: Callable[[State], None],
) -> State:
    """Train a cell and write its three files into `folder`; of several processes, the leader does.

    Reads, reports and raises as `loop.train`.
    """
    with threads(cell.recipe.threads):
        state = train(cell, data, checkpoint, track, report)
    if distributed.leads():
        _write(cell, data, state, folder)
    return state


def _write(cell: Cell, data: Data, state: State, folder: Path) -> None:
    recipe, best = cell.recipe, state.history[state.best_epoch - 1]
    parts = [part for part in ("train", *PARTS) if f"{part}_accuracy" in best]
    provenance = {
        "dataset": data.name,
        "variant": cell.name,
        "seed": cell.seed,
        "epoch": state.best_epoch,
        "selected_on": recipe.select,
        "accuracy": {part: best[f"{part}_accuracy"] for part in parts},
        "recipe": recipe.model_dump(),
        **cell.sources(data),
        "clfer": __version__,
    }
    with (
        replacing(folder / HISTORY) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(state.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(state.history)
    with replacing(folder / FEATURES) as temporary:
        features = {n: v for n, v in state.snapshots.items() if n == "face" or n[:6] == "epoch_"}
        save_file(features, temporary)
    backbone, stem = recipe.backbone, recipe.stem
    about = card(data.classes, backbone, stem, cell.variant, data.cut, recipe, provenance)
    save(state.best, about, folder / MODEL)


def train_cells(
    cells: Sequence[Cell],
    data: Data,
    out: Path,
    seconds: float = float("inf"),
    track: Track = silent,
    say: Callable[[str], None] = print,
    report: Callable[[Cell, State], None] = lambda cell, state: None,
) -> int:
    """Train the cells that are missing, in their order; how many are left.

    Several processes may train one list: each takes cells that no other holds, and waits at the end
    for those that another does.

    After the first, no cell is begun that would not fit into `seconds` if it took as long as the
    longest so far; with such a limit nothing is waited for. report: is called after each epoch.
    """
    started, longest, waiting = time.monotonic(), 0.0, False
    absent = missing(cells, data, out)
    while absent:
        held = None
        for cell in absent:
            if longest and time.monotonic() - started + longest > seconds:
                break
            try:
                longest = max(longest, _train_alone(cell, data, out, track, say, report))
            except BusyError as error:
                held = error
        absent = missing(absent, data, out)
        if seconds < float("inf"):
            break
        if held:
            if not waiting:
                say(f"waiting: {held}")
            waiting = True
            time.sleep(WAIT)
    return len(absent)


def _train_alone(
    cell: Cell,
    data: Data,
    out: Path,
    track: Track,
    say: Callable[[str], None],
    report: Callable[[Cell, State], None],
) -> float:
    """Train a cell unless another process holds it (BusyError); the seconds that it took."""
    begun, folder = time.monotonic(), folder_of(out, cell)
    with claim(out / ".unfinished" / cell.fingerprint(data), PAUSE) as checkpoint:
        if (folder / CELL).exists():  # another process has just written it
            return 0.0
        resumed = checkpoint.path.exists()  # and it is unknown what that process took
        state = train_cell(cell, data, checkpoint, folder, track, partial(report, cell))
        taken = time.monotonic() - begun
        _finish(cell, data, state, None if resumed else taken, folder)
    accuracy = state.history[state.best_epoch - 1]["val_accuracy"]
    say(
        f"{cell.name} {cell.seed}: {taken:.1f} s, epoch {state.best_epoch} of "
        f"{cell.recipe.epochs}, val accuracy {accuracy:.4f}"
    )
    return taken


def _finish(cell: Cell, data: Data, state: State, seconds: float | None, folder: Path) -> None:
    """Predict val and test with the selected weights as `clfer evaluate` does, and write the file
    that marks the cell as done.
    """
    network, device, recipe = state.network, data.faces.device, cell.recipe
    network.load_state_dict(state.best)
    with threads(recipe.threads):
        probability: dict[str, Any] = {
            part: predict(network, data.faces, data.splits[part].face, recipe).cpu().numpy()
            for part in PARTS
        }
    if recipe.watch_test == "outputs":
        numbers = [f"{row['epoch']:03}" for row in state.history]
        for part in PARTS:
            kept = [state.snapshots[f"{part}_{number}"] for number in numbers]
            probability[f"{part}_epochs"] = torch.stack(kept).numpy()
    facts = {
        **cell.to_json(),
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
    write_json(folder / CELL, facts, indent=1)


def folder_of(out: Path, cell: Cell) -> Path:
    return out / cell.name / str(cell.seed)


def override(cells: Sequence[Cell], compiled: bool, precision: str | None) -> list[Cell]:
    """The cells with `train.compile`, and another `train.precision`, where asked for."""
    over: dict[str, Any] = {"compile": True} if compiled else {}
    over |= {"precision": precision} if precision else {}
    return [replace(one, recipe=one.recipe.model_copy(update=over)) for one in cells]


def missing(cells: Sequence[Cell], data: Data, out: Path, training: bool = True) -> list[Cell]:
    """The cells that are not there.

    Raises InputError where one was trained with other settings or from other files; likewise, by
    other code than today's where the missing ones are to be trained, and by other code than the
    first where not.
    """
    absent: list[Cell] = []
    code = CODE if training else None
    for cell in cells:
        folder = folder_of(out, cell)
        if not (folder / CELL).exists():
            absent.append(cell)
            continue
        # to tabulate it, the weights that it started from need not be here
        sources = cell.sources(data) if training else data.sources
        now = _settings({**cell.to_json(), "sources": sources})
        with undamaged(folder / CELL):
            found = json.loads((folder / CELL).read_text(encoding="utf-8"))
            if not training:
                found["sources"] = {key: found["sources"].get(key) for key in sources}
            was = _settings(found)
        for key in sorted({*was, *now}):
            if was.get(key) != now.get(key):
                raise InputError(
                    f"{folder}: trained with other settings, {key}: expected {now.get(key)}, "
                    f"found {was.get(key)}; name another folder by --cells, or delete this one"
                )
        version = found.get("code", 0)
        code = version if code is None else code
        if version != code:
            raise InputError(
                f"{folder}: trained by version {version} of the training code, expected {code}; "
                "name another folder by --cells, or delete this one"
            )
    return absent


def _settings(cell: Mapping[str, Any]) -> dict[str, Any]:
    """What a cell's numbers depend on, beside its seed; modules' later settings have defaults."""
    modules = Variant.model_validate(cell["modules"]).model_dump(mode="json")
    blocks = {"modules": modules, "recipe": dict(cell["recipe"]), "sources": dict(cell["sources"])}
    return {
        f"{block}.{key}": value
        for block, values in blocks.items()
        for key, value in values.items()
        if key not in FREE
    }
