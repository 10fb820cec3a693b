"""A cell of the grid as params.yaml describes it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.model.variant import Variant
from clfer.training.cell import Cell
from clfer.training.recipe import VARIANTS, Recipe, layered
from pipeline.params import PARAMS, block, explained, mapping, optional, settings, shown

RECIPE = "recipe"  # the entry of a row of `variants` that is no module


def cell(dataset: str, variant: str, seed: int, named: str | None = None) -> Cell:
    """A row of `variants` with a seed. named: a block of `recipes` instead of `run.recipe`."""
    return Cell(variant, seed, modules(variant), recipe(dataset, variant, named))


def modules(variant: str) -> Variant:
    """The modules of a row of `variants`."""
    return settings(Variant, "variants", variant, without=(RECIPE,))


def cut(dataset: str) -> Cut:
    """How the dataset's faces are cut out, which a model of them carries with it."""
    return settings(Cut, "datasets", dataset, "faces", without=("detector", "weights"))


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
    return _recipe(layers, own, f"variants.{variant}.{RECIPE}")


def paper(over: Mapping[str, Any]) -> Recipe:
    """The paper's recipe as `train` changes it, and over both some settings."""
    return _recipe({}, {}, "", over)


def _recipe(
    layers: Mapping[str, Mapping[str, Any]],
    own: Mapping[str, Any],
    row: str,
    over: Mapping[str, Any] = MappingProxyType({}),
) -> Recipe:
    everywhere = {"recipes.paper": mapping("recipes", "paper"), **layers}
    values, origin = layered(everywhere, own, mapping("train"))
    try:
        return Recipe.model_validate({**values, **over})
    except ValidationError as error:
        key = next(iter(error.errors()[0]["loc"]), "")
        place = {**origin, **dict.fromkeys(over, "train")}.get(str(key), "recipes.paper")
        place = row if place == VARIANTS else place
        raise InputError(explained(error, Recipe, [place])) from error
