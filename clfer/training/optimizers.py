"""What turns gradients into steps."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from clfer.training.recipe import Recipe

MOMENTUM = 0.9


def optimizer(recipe: Recipe, weights: Iterable[nn.Parameter], device: torch.device) -> Optimizer:
    """The optimiser of a recipe, in one kernel for all weights; on a GPU fit to be recorded."""
    if recipe.optimizer == "sgd":
        return SGD(
            weights,
            recipe.lr,
            momentum=MOMENTUM,
            weight_decay=recipe.weight_decay,
            nesterov=True,
            fused=True,
        )
    kind = AdamW if recipe.optimizer == "adamw" else Adam
    return kind(
        weights,
        recipe.lr,
        weight_decay=recipe.weight_decay,
        fused=True,
        capturable=device.type == "cuda",
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """The learning rate of the next step: where the step is recorded, in the number that it reads
    on the device.
    """
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def rate_on(device: torch.device, optimizer: Optimizer) -> None:
    """Keep the learning rate in a number on the device, so that a recorded step reads it there."""
    for group in optimizer.param_groups:
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device).clone()
