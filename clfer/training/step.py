"""One step of training (Alg. 1, lines 5 to 13)."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from clfer.distributed import gathered
from clfer.model.clustering import at_least_float32
from clfer.model.comparators import rank_regularisation
from clfer.model.variant import Variant
from clfer.training.batches import Batch
from clfer.training.precision import precision
from clfer.training.recipe import Recipe
from clfer.training.state import State
from clfer.training.supervision import cross_entropy

RISING = {"loss_fm", "loss_bs"}  # those that warm up


@dataclass(frozen=True)
class Outcome:
    """What a forward pass leaves: losses by name, and what they were made of."""

    losses: dict[str, Float[Tensor, ""]]
    features: list[Float[Tensor, "B _ _ _"]]
    logits: Float[Tensor, "B C"]
    importance: Float[Tensor, " B"]


def forward(
    state: State, batch: Batch, recipe: Recipe, variant: Variant, balance: Tensor | None
) -> Outcome:
    """The parts of the joint loss (eq. 10) on a batch. balance: weights of the classes, if any."""
    network = state.trained
    with precision(recipe, batch.label.device):
        maps = [network.features(view) for view in batch.views]
        vectors = [network.represent(features) for features in maps]
        logits = network.classify(vectors[0])
        importance = at_least_float32(network.importance(vectors[0]))
    losses = {"loss_cls": cross_entropy(logits, batch.label, batch.target, recipe, balance)}
    losses |= state.contrast(maps[0], batch.label, batch.start_fm, batch.start_bs, vectors)
    if variant.warmup:
        losses |= {name: batch.risen * losses[name] for name in RISING & losses.keys()}
    if variant.scn:
        losses["loss_rank"] = rank_regularisation(gathered(importance), variant.scn)
    return Outcome(losses, maps[0], logits, importance)


def update(state: State, outcome: Outcome) -> None:
    """Take the gradient of the sum of the losses, and a step along it."""
    state.optimizer.zero_grad()
    torch.stack(list(outcome.losses.values())).sum().backward()
    state.optimizer.step()
    if state.averaged is not None:
        state.averaged.update(state.trained)
