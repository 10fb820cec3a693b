"""All that a run is made of between two epochs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from clfer import distributed
from clfer.model.method import Contrast, build
from clfer.model.network import Network
from clfer.model.variant import Variant
from clfer.training.averaging import Average
from clfer.training.examples import Examples
from clfer.training.moments import Moments
from clfer.training.optimizers import optimizer
from clfer.training.recipe import Recipe

SHAPES = 64  # of one function that are compiled in a process that trains several networks

Row = dict[str, int | float]  # an epoch in the history


@dataclass
class State:
    """A run, as it is `saved` and `restored`. Whoever looks at it from outside sees `network`."""

    trained: Network
    averaged: Average | None  # with `recipe.ema`: the moving average of its weights
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
        return self.trained if self.averaged is None else self.averaged.network

    def saved(self) -> dict[str, Any]:
        return {
            "trained": self.trained.state_dict(),
            "averaged": self.averaged and self.averaged.saved(),
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
            self.averaged.restore(saved["averaged"])
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
    if distributed.size() > 1 and device.type == "cuda":
        # normalised over the batch of all processes; PyTorch has it for GPUs alone
        network = nn.SyncBatchNorm.convert_sync_batchnorm(network)
        contrast = nn.SyncBatchNorm.convert_sync_batchnorm(contrast)
    if recipe.compile:
        torch._dynamo.config.recompile_limit = SHAPES
        # block by block, as the gradients between them are watched
        for part in (network.encoder.stem, *network.encoder.blocks):
            part.compile(fullgraph=True, dynamic=False)
        contrast.compile(fullgraph=True, dynamic=False)
    weights = [*network.parameters(), *contrast.parameters()]
    averaged = Average(network, recipe.ema) if recipe.ema else None
    labels = training.label.clone().to(device)
    return State(network, averaged, contrast, optimizer(recipe, weights, device), labels)
