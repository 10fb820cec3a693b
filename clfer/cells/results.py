"""What a cell leaves."""

import csv
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from jaxtyping import Float

from clfer import __version__
from clfer.cells.plan import CELL, Pack
from clfer.faces.preprocessing import Cut
from clfer.files import replacing
from clfer.model.bundle import save
from clfer.model.card import card
from clfer.model.variant import Variant
from clfer.progress import silent
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.state import Row, State

HISTORY, MODEL, PREDICTIONS = "history.csv", "model.safetensors", "predictions.npz"


def write(
    pack: Pack,
    cell: Mapping[str, Any],
    recipe: Recipe,
    variant: Variant,
    state: State,
    taken: float | None,
    out: Path,
) -> None:
    """The four files of a cell, what says that it is done last.

    taken: seconds; None where an earlier process had begun it, whose time nobody knows.
    """
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
        "seconds": None if taken is None else round(taken, 1),
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
    cut = Cut.model_validate(pack.plan["cut"])
    bundle = card(classes, recipe.backbone, recipe.stem, variant, cut, recipe, provenance)
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
