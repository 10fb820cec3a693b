"""Recipes: how a network is trained."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from clfer.errors import InputError
from clfer.faces.preprocessing import View
from clfer.faces.views import Augmentation

VARIANTS = "variants"  # the layer of a variant's own settings


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
    watch_test: bool = False  # the test images' accuracy in the history, which chooses nothing
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


def layered(
    layers: Mapping[str, Mapping[str, Any]], own: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings of a recipe, and for each the name of the layer that it is of.

    layers: by name, each over those before it: the paper's recipe, the dataset's, one that the run
    names. own: what the variant's row sets, over them. given: the block `train`, of which what is
    not null goes before all. Raises InputError where the last two both set one thing.
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
