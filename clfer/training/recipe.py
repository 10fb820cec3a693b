"""Recipes: how a network is trained, and the learning rate of each step."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.faces.views import Augmentation

VARIANTS = "variants"  # the layer of a variant's own settings
RISE = 0.3  # share of the steps in which one cycle rises (Smith and Topin 2019)
START = 1 / 25  # of the highest rate, where one cycle begins


class Recipe(View, Augmentation):
    """Everything about training that is not the method. The paper's own choices: Sec. IV-A."""

    backbone: str
    weights: str  # imagenet, none, or a file
    stem: Literal["full", "small"]  # small: no max-pooling, for inputs up to 112 px
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=2)
    optimizer: Literal["adam", "adamw", "sgd"]  # sgd: with Nesterov's momentum of 0.9
    lr: float = Field(gt=0)  # at its highest
    weight_decay: float = Field(ge=0)  # with adamw apart from the gradient (decoupled)
    schedule: Literal["exponential", "one_cycle", "cosine"]
    decay: float = Field(gt=0, le=1)  # per epoch, of the exponential schedule
    targets: Literal["majority", "votes"]
    mixup: float = Field(ge=0, le=0.5)  # largest share of another image in one; needs votes
    label_smoothing: float = Field(ge=0, lt=1)  # share of a target that is spread over all classes
    labelled_fraction: float = Field(gt=0, le=1)  # of each class; the others' labels are withheld
    unlabelled: Literal["keep", "drop"]  # whether the losses without labels see images without
    scarce_class: str | None  # the class of which few images are trained on (Table III)
    scarce_kept: float = Field(ge=0, le=1)  # how many of its training images, as a share
    ema: float = Field(ge=0, lt=1)  # decay per step of the averaged weights; 0: none
    balance: Literal["none", "weights", "sampler"]
    select: Literal["val", "test"]
    # the test images' accuracy in the history, which chooses nothing; outputs: and the
    # probabilities of validation and test images after every epoch in the cell's predictions
    watch_test: Literal[False, True, "outputs"] = False
    precision: Literal["auto", "float32", "bfloat16"]  # auto: bfloat16 on a GPU
    threads: int | None = Field(default=None, ge=1)  # of a CPU; null: as many as it has cores
    deterministic: bool  # on a GPU: algorithms that repeat to the last bit, where there are any
    compile: bool  # blocks and contrastive losses by torch.compile: a minute once, then faster

    @model_validator(mode="after")
    def _window_fits(self) -> "Recipe":
        if self.crop > self.resize:
            raise ValueError(f"crop: expected at most resize = {self.resize}, found {self.crop}")
        if self.mixup and self.targets != "votes":
            raise ValueError("mixup: mixes targets, expected train.targets votes, found majority")
        if self.mixup and self.labelled_fraction < 1:
            raise ValueError("mixup: mixes targets, expected a label on every image")
        return self


def learning_rate(recipe: Recipe, epoch: int, step: int, steps: int) -> float:
    """The rate at `step` of the `steps` of `epoch`, both from 0.

    exponential: lr * decay^epoch (Sec. IV-A). one_cycle: from lr / 25 up to lr and down to 0, along
    half cosines, over all epochs. cosine: from lr down to 0 along a half cosine.
    """
    if recipe.schedule == "exponential":
        return recipe.lr * recipe.decay**epoch
    done = (epoch + step / steps) / recipe.epochs
    if recipe.schedule == "cosine":
        return recipe.lr * _half_cosine(1.0, 0.0, done)
    if done < RISE:
        return recipe.lr * _half_cosine(START, 1.0, done / RISE)
    return recipe.lr * _half_cosine(1.0, 0.0, (done - RISE) / (1 - RISE))


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def layered(
    layers: Mapping[str, Mapping[str, Any]], own: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings of a recipe, and for each the name of the layer that it comes from.

    layers: by name, each overrides those before it: the paper's recipe, the dataset's, one that the
    run names. own: settings of the variant's row, which override them. given: the block `train`,
    whose values that are not null override all. InputError where the last two set the same key.
    """
    wanted = {key: value for key, value in given.items() if value is not None}
    for key in wanted.keys() & own.keys():
        raise InputError(
            f"train.{key}: found {wanted[key]!r}, but the variant's own recipe has {own[key]!r}; "
            "expected one of the two: leave one out"
        )
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for name, layer in {**layers, VARIANTS: own, "train": wanted}.items():
        values |= layer
        origin |= dict.fromkeys(layer, name)
    return values, origin
