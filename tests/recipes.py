"""A recipe small enough for tests: the paper's of params.yaml, on few and small images."""

from closure import ROOT
from ruamel.yaml import YAML

from clfer.training.recipe import Recipe

PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")
RECIPE = Recipe.model_validate(
    {
        **PARAMS["recipes"]["paper"],
        "backbone": "resnet10_quarter",
        "weights": "none",
        "stem": "small",
        "resize": 68,
        "crop": 64,
        "epochs": 2,
        "batch_size": 8,
    }
)


def recipe(**changes: object) -> Recipe:
    return Recipe.model_validate({**RECIPE.model_dump(), **changes})
