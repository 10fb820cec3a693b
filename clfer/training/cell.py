"""A cell: one variant trained on one dataset with one seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from clfer import distributed
from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.files import fingerprint, sha256
from clfer.model.variant import Variant
from clfer.settings import check_name
from clfer.training.examples import Examples, Faces, subsample_class, supervised
from clfer.training.recipe import Recipe
from clfer.training.state import FORMAT

CODE = 4  # to be raised with every change of model/, training/ or views.py that changes a result
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

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Cell":
        check_name(found["variant"], "cells.variant")
        variant = Variant.model_validate(found["modules"])
        return cls(found["variant"], found["seed"], variant, Recipe.model_validate(found["recipe"]))

    def to_json(self) -> dict[str, Any]:
        return {
            "variant": self.name,
            "seed": self.seed,
            "modules": self.variant.model_dump(mode="json"),
            "recipe": self.recipe.model_dump(mode="json"),
        }

    def sources(self, data: Data) -> dict[str, str]:
        """SHA-256 of the data's files, and of the weights that training starts from.

        Raises InputError where there is no such file.
        """
        if self.recipe.weights in PUBLISHED:
            return dict(data.sources)
        path = Path(self.recipe.weights)
        if not path.is_file():
            raise InputError(f"train.weights: expected imagenet, none or a file; found no {path}")
        return {**data.sources, "weights_sha256": sha256(path)}

    def fingerprint(self, data: Data) -> str:
        """Of all that a checkpoint depends on."""
        settings = self.recipe.model_dump(), self.variant.model_dump(), self.seed
        machine = torch.__version__, distributed.size()
        return fingerprint(FORMAT, CODE, *settings, self.sources(data), *machine)

    def training_examples(self, data: Data) -> Examples:
        """The training split without most of the scarce class and with labels on a fraction.

        Raises InputError where a setting doesn't fit the dataset or another setting.
        """
        recipe, examples = self.recipe, data.splits["train"]
        if (name := recipe.scarce_class) is not None:
            if name not in data.classes:
                expected = ", ".join(data.classes)
                raise InputError(f"train.scarce_class: expected one of {expected}; found '{name}'")
            label = data.classes.index(name)
            examples = subsample_class(examples, label, recipe.scarce_kept, self.seed)
        return supervised(examples, recipe, self.variant, self.seed)
