"""A cell of the grid as params.yaml describes it."""

from collections.abc import Mapping
from typing import Any

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.model.variant import Variant
from clfer.training.cell import Cell
from clfer.training.recipe import Recipe
from pipeline.params import PARAMS, block, settings, shown

RECIPE = "recipe"  # the entry of a row of `variants` that is no module


def cell(dataset: str, variant: str, seed: int, named: str | None = None) -> Cell:
    """A row of `variants` with a seed. named: a block of `recipes`, over the dataset's own."""
    return Cell(variant, seed, modules(variant), recipe(dataset, variant, named))


def modules(variant: str) -> Variant:
    """The modules of a row of `variants`."""
    return settings(Variant, "variants", variant, without=(RECIPE,))


def cut(dataset: str) -> Cut:
    """How the dataset's faces are cut out, which a model of them carries with it."""
    return settings(Cut, "datasets", dataset, "faces", without=("detector", "weights"))


def recipe(dataset: str, variant: str, named: str | None = None) -> Recipe:
    """`train`; over it the dataset's recipe, then a block of `recipes` that is named, then what the
    variant's own row sets.
    """
    own = block("variants", variant).get(RECIPE, {})
    if not isinstance(own, dict):
        raise InputError(
            f"{PARAMS}: variants.{variant}.recipe: expected a block of train's parameters, "
            f"found {shown(own)}"
        )
    layers: Mapping[str, Any] = {
        **block("datasets", dataset, RECIPE),
        **(block("recipes", named) if named else {}),
        **own,
    }
    return settings(Recipe, "train", over=layers)
