"""All that a run is made of between two epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from jaxtyping import Int
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from clfer.model.method import Contrast, build
from clfer.model.network import Network
from clfer.model.variant import Variant
from clfer.training.examples import Examples
from clfer.training.moments import Moments
from clfer.training.recipe import Recipe

Row = dict[str, int | float]  # an epoch in the history


@dataclass
class State:
    """A run, as it is `saved` and `restored`. Whoever looks at it from outside sees `network`."""

    trained: Network
    averaged: AveragedModel | None  # with `recipe.ema`: the moving average of its weights
    contrast: Contrast
    optimizer: torch.optim.Optimizer
    label: Int[Tensor, " N"]  # of the training images; SCN may change some
    history: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the selected epoch
    best_epoch: int = 0
    moments: Moments = field(default_factory=dict)

    @property
    def network(self) -> Network:
        """The network that is validated and kept."""
        return self.trained if self.averaged is None else cast(Network, self.averaged.module)

    def saved(self) -> dict[str, Any]:
        return {
            "trained": self.trained.state_dict(),
            "averaged": self.averaged and self.averaged.state_dict(),
            "contrast": self.contrast.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "label": self.label,
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
            "moments": self.moments,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.trained.load_state_dict(saved["trained"])
        if self.averaged is not None:
            self.averaged.load_state_dict(saved["averaged"])
        self.contrast.load_state_dict(saved["contrast"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.label.copy_(saved["label"])
        self.history, self.best = saved["history"], saved["best"]
        self.best_epoch, self.moments = saved["best_epoch"], saved["moments"]


def begin(
    recipe: Recipe,
    variant: Variant,
    training: Examples,
    seed: int,
    device: torch.device,
) -> State:
    """A run at its start, on a device."""
    classes = training.target.shape[1]
    network, contrast = build(recipe.backbone, recipe.weights, recipe.stem, classes, variant, seed)
    network.to(device).to(memory_format=torch.channels_last)
    contrast.to(device)
    if recipe.compile:
        contrast.compile(fullgraph=True)
    weights = [*network.parameters(), *contrast.parameters()]
    adam = torch.optim.Adam(weights, recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    averaged = None
    if recipe.ema:
        average = get_ema_multi_avg_fn(recipe.ema)
        averaged = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
    return State(network, averaged, contrast, adam, training.label.clone().to(device))
