"""A cell of the grid: one variant trained on one dataset with one seed, and the files it leaves.

Whoever trains a cell calls `train_cell`: the stage `train`, `clfer experiment`, and
`python -m clfer.training` where there is neither DVC nor polars. The same settings, data, code and
machine give the same bytes.

history.csv            an epoch a row
features.safetensors   features of some validation faces at four moments (t-SNE, Fig. 9)
model.safetensors      the weights of the selected epoch, with a card of what has to be known
"""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor

from clfer import __version__, distributed
from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.files import fingerprint, replacing, sha256
from clfer.model.bundle import card, save
from clfer.model.variant import Variant
from clfer.progress import Track, silent
from clfer.training.checkpoints import CODE, FORMAT, Checkpointer
from clfer.training.examples import Examples, Faces
from clfer.training.loop import train
from clfer.training.machine import threads
from clfer.training.precision import precision
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.state import Row, State
from clfer.training.supervision import subsample_class

HISTORY, FEATURES, MODEL = "history.csv", "features.safetensors", "model.safetensors"
PUBLISHED = ("none", "imagenet")  # values of `train.weights` that are no file


@dataclass(frozen=True)
class Data:
    """A dataset as it is trained on. splits: `train`, `val`, `test`; sources: SHA-256 by name."""

    name: str
    classes: tuple[str, ...]
    cut: Cut
    faces: Faces
    splits: Mapping[str, Examples]
    sources: Mapping[str, str]


@dataclass(frozen=True)
class Cell:
    """What is trained, beside the data. name: of the variant."""

    name: str
    seed: int
    variant: Variant
    recipe: Recipe

    def sources(self, data: Data) -> dict[str, str]:
        """What the cell is made from: the data's files, and that of the weights it starts from.

        Raises InputError where there is no such file.
        """
        found = dict(data.sources)
        if self.recipe.weights not in PUBLISHED:
            path = Path(self.recipe.weights)
            if not path.is_file():
                raise InputError(
                    f"train.weights: expected imagenet, none or a file; found no {path}"
                )
            found["weights_sha256"] = sha256(path)
        return found

    def fingerprint(self, data: Data) -> str:
        """Of all that its state is valid for: another setting, file, code, PyTorch, or number of
        processes has another.
        """
        settings = (self.recipe.model_dump(), self.variant.model_dump(), self.seed)
        team = distributed.size()
        return fingerprint(FORMAT, CODE, *settings, self.sources(data), torch.__version__, team)


def train_cell(
    cell: Cell,
    data: Data,
    checkpoint: Checkpointer,
    folder: Path,
    track: Track,
    report: Callable[[Row], None],
) -> State:
    """Train a cell and write its three files into `folder`; of several processes, the leader does.

    report: is given each epoch's row of the history as it is done. The test images are looked at
    where `recipe.select` is `test` or `recipe.watch_test` is set, and not opened otherwise.
    Raises InputError as `training.loop.train` does.
    """
    recipe = cell.recipe
    watched = recipe.select == "test" or recipe.watch_test
    splits = {part: data.splits[part] for part in ("train", "val", *(["test"] * watched))}
    if recipe.scarce_class is not None:
        label = class_index(recipe.scarce_class, data.classes)
        splits["train"] = subsample_class(splits["train"], label, recipe.scarce_kept, cell.seed)
    with threads(recipe.threads):
        state = train(
            data.faces, splits, recipe, cell.variant, cell.seed, checkpoint, track, report
        )
    if distributed.leads():
        _write(cell, data, state, folder)
    return state


def class_index(name: str, classes: tuple[str, ...]) -> int:
    """The place of a class among the dataset's; InputError where it has none."""
    if name not in classes:
        raise InputError(
            f"train.scarce_class: expected one of {', '.join(classes)}; found '{name}'"
        )
    return classes.index(name)


def _write(cell: Cell, data: Data, state: State, folder: Path) -> None:
    recipe = cell.recipe
    best = state.history[state.best_epoch - 1]
    provenance: dict[str, Any] = {
        "dataset": data.name,
        "variant": cell.name,
        "seed": cell.seed,
        "epoch": state.best_epoch,
        "selected_on": recipe.select,
        "accuracy": {
            part: best[f"{part}_accuracy"]
            for part in ("train", "val", "test")
            if f"{part}_accuracy" in best
        },
        "recipe": recipe.model_dump(),
        **cell.sources(data),
        "clfer": __version__,
    }
    with replacing(folder / HISTORY) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(state.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(state.history)
    with replacing(folder / FEATURES) as temporary:
        save_file(state.moments, temporary)
    about = card(
        data.classes, recipe.backbone, recipe.stem, cell.variant, data.cut, recipe, provenance
    )
    save(state.best, about, folder / MODEL)


def predictions(
    network: torch.nn.Module, data: Data, part: str, recipe: Recipe, track: Track = silent
) -> Float[Tensor, "N C"]:
    """Class probabilities of one split by a network on the device of the faces, as `clfer evaluate`
    scores them, in float32.
    """
    network.to(data.faces.device).to(memory_format=torch.channels_last)
    face = data.splits[part].face
    with threads(recipe.threads):
        numbers = precision(recipe, data.faces.device)
        return predict(network, data.faces, face, recipe, numbers, track)
