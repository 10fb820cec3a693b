"""A cell as params.yaml describes it, and the cached data that it is trained and tested on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from jaxtyping import UInt8
from pydantic import ValidationError

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.files import sha256
from clfer.model.variant import Variant
from clfer.settings import explained, shown
from clfer.training.cell import Cell, Data
from clfer.training.examples import Examples, Faces
from clfer.training.machine import device, memory
from clfer.training.pack import PARTS
from clfer.training.recipe import VARIANTS, Recipe, layered
from pipeline import paths, stored
from pipeline.params import PARAMS, block, mapping, optional, settings

RECIPE = "recipe"  # the entry of a row of `variants` that is no module
COLUMNS = ("row", "face", "label", "split")


def cell(dataset: str, variant: str, seed: int, named: str | None = None) -> Cell:
    """A row of `variants` with a seed. named: a block of `recipes` instead of `run.recipe`."""
    return Cell(variant, seed, modules(variant), recipe(dataset, variant, named))


def modules(variant: str) -> Variant:
    return settings(Variant, "variants", variant, without=(RECIPE,))


def recipe(dataset: str, variant: str, named: str | None = None) -> Recipe:
    """How the variant is trained on the dataset, by the order of `training.recipe.layered`."""
    own = block("variants", variant).get(RECIPE, {})
    if not isinstance(own, dict):
        raise InputError(
            f"{PARAMS}: variants.{variant}.{RECIPE}: expected a block of train's parameters, "
            f"found {shown(own)}"
        )
    layers = {f"datasets.{dataset}.{RECIPE}": block("datasets", dataset, RECIPE)}
    if chosen := named or optional("run", RECIPE):
        layers[f"recipes.{chosen}"] = block("recipes", chosen)
    return _recipe(layers, own, f"variants.{variant}.{RECIPE}", {})


def paper(over: Mapping[str, Any]) -> Recipe:
    """The paper's recipe as `train` changes it, and over both some settings."""
    return _recipe({}, {}, "", over)


def _recipe(
    layers: Mapping[str, Mapping[str, Any]],
    own: Mapping[str, Any],
    row: str,
    over: Mapping[str, Any],
) -> Recipe:
    everywhere = {"recipes.paper": mapping("recipes", "paper"), **layers}
    values, origin = layered(everywhere, own, mapping("train"))
    try:
        return Recipe.model_validate({**values, **over})
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        key = next(iter(first["loc"]), message.partition(":")[0])
        place = {**origin, **dict.fromkeys(over, "train")}.get(str(key), "recipes.paper")
        place = row if place == VARIANTS else place
        raise InputError(explained(error, Recipe, f"{PARAMS}: {place}")) from error


def cached(
    dataset: str, chosen: Path | None = None
) -> tuple[pl.DataFrame, UInt8[np.ndarray, "N S S C"]]:
    """The split table and the memory-mapped faces of a dataset; InputError names what is damaged
    or does not fit.
    """
    table = chosen or paths.split(dataset)
    split = stored.table(table, f"split {dataset}", COLUMNS)
    faces = stored.array(paths.faces(dataset), f"align {dataset}")
    used = split["face"].filter(split["split"].is_not_null())
    if used.null_count() or (len(used) and used.max() >= len(faces)):  # type: ignore[operator]
        raise InputError(
            f"{table}: expected images among the {len(faces):,} of "
            f"{paths.faces(dataset)}, found others; let `clfer split {dataset}` divide them again"
        )
    return split, faces


def examples(split: pl.DataFrame, part: str) -> Examples:
    """The images of one part of the split table, in row order."""
    rows = split.filter(pl.col("split") == part).sort("row")
    return Examples(
        face=torch.from_numpy(rows["face"].to_numpy().copy()),
        label=torch.from_numpy(rows["label"].to_physical().cast(pl.Int64).to_numpy().copy()),
        target=torch.from_numpy(rows["target"].to_numpy().copy()),
    )


def data(dataset: str, split_table: Path | None = None) -> Data:
    """A dataset as a cell is trained on it: its faces, all three parts of its split, and what they
    are made from. split_table: instead of the dataset's own.
    """
    chosen = split_table or paths.split(dataset)
    split, faces = cached(dataset, chosen)
    return Data(
        name=dataset,
        classes=tuple(split["label"].dtype.categories),  # type: ignore[attr-defined]
        cut=settings(Cut, "datasets", dataset, "faces", without=("detector", "weights")),
        faces=Faces(faces, device(), memory()),
        splits={part: examples(split, part) for part in PARTS},
        sources={"split_sha256": sha256(chosen), "faces_sha256": sha256(paths.faces(dataset))},
    )
