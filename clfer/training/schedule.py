"""The learning rate, and the weight of the contrast, at each step."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from clfer.model.variant import Warmup
from clfer.training.recipe import Recipe

RISE = 0.3  # share of the steps in which one cycle rises (Smith and Topin 2019)
START = 1 / 25  # of the highest rate, where one cycle begins


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


def risen(warmup: Warmup, epochs: int, epoch: int, steps: int) -> Float[Tensor, " steps"]:
    """The share of their own weights that CLFM and CLBS have at each of the `steps` of `epoch`,
    which counts from 0, of so many `epochs`.
    """
    done = (epoch + torch.arange(steps) / steps) / epochs
    return (done / warmup.share).clamp(max=1)


def _half_cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
