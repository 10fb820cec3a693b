"""What a cell of the grid is made of: a variant, and how it is trained on a dataset."""

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.model.variant import Variant
from clfer.training.recipe import Recipe
from pipeline.params import PARAMS, block, settings, shown

RECIPE = "recipe"  # the entry of a row of `variants` that is no module


def variant(name: str) -> Variant:
    """The modules of a row of `variants`."""
    return settings(Variant, "variants", name, without=(RECIPE,))


def cut(dataset: str) -> Cut:
    """How the dataset's faces are cut out, which a model of them carries with it."""
    return settings(Cut, "datasets", dataset, "faces", without=("detector", "weights"))


def recipe(dataset: str, name: str) -> Recipe:
    """`train`, over it the dataset's recipe, and over both what the variant's row sets itself."""
    own = block("variants", name).get(RECIPE, {})
    if not isinstance(own, dict):
        raise InputError(
            f"{PARAMS}: variants.{name}.recipe: expected a block of train's parameters, "
            f"found {shown(own)}"
        )
    return settings(Recipe, "train", over={**block("datasets", dataset, RECIPE), **own})
