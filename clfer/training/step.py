"""One step of training (Alg. 1, lines 5 to 13): the joint loss, its gradient, and the update.

A `Stepper` takes steps as the machine allows: on a GPU recorded as CUDA graphs and replayed, in
several processes with their gradients averaged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from clfer.distributed import gathered, size, summed
from clfer.model.clustering import at_least_float32
from clfer.model.comparators import rank_regularisation
from clfer.model.feature_maps import STRONGEST, semantic_groups
from clfer.model.variant import Variant
from clfer.training.batches import Batch
from clfer.training.examples import UNLABELLED, Examples, class_weights
from clfer.training.machine import autocast
from clfer.training.metrics import EpochMetrics
from clfer.training.recipe import Recipe
from clfer.training.state import State

WARMED_UP = {"loss_fm", "loss_bs"}
UNRECORDED = 3  # first steps, which are taken kernel by kernel before one is recorded


@dataclass(frozen=True)
class Outcome:
    """What a forward pass leaves: losses by name, numbers to be recorded beside them, and what they
    were computed from.
    """

    losses: dict[str, Float[Tensor, ""]]
    recorded: dict[str, Float[Tensor, ""]]
    features: list[Float[Tensor, "B _ _ _"]]
    logits: Float[Tensor, "B C"]
    importance: Float[Tensor, " B"]


class JointLoss(nn.Module):
    """The parts of the joint loss (eq. 10) of a batch; a module of all that is trained, as
    DistributedDataParallel wants it.
    """

    def __init__(self, state: State, recipe: Recipe, variant: Variant) -> None:
        super().__init__()
        self.trained, self.contrast = state.trained, state.contrast
        self.recipe, self.variant = recipe, variant

    def forward(self, batch: Batch, weight: Tensor | None = None) -> Outcome:
        """weight: of each class in the cross-entropy, if any."""
        network, recipe, variant = self.trained, self.recipe, self.variant
        with autocast(recipe, batch.label.device):
            maps = [network.features(view) for view in batch.views]
            vectors = [network.represent(features) for features in maps]
            logits = network.classify(vectors[0])
            importance = at_least_float32(network.importance(vectors[0]))
        losses = {"loss_cls": cross_entropy(logits, batch.label, batch.target, recipe, weight)}
        contrast, recorded = self.contrast(
            maps[0], batch.label, batch.start_fm, batch.start_bs, vectors
        )
        losses |= contrast
        if variant.warmup:
            losses |= {name: batch.warmup * losses[name] for name in WARMED_UP & losses.keys()}
        if variant.scn:
            losses["loss_rank"] = rank_regularisation(gathered(importance), variant.scn)
        return Outcome(losses, recorded, maps[0], logits, importance)


def cross_entropy(
    logits: Float[Tensor, "B C"],
    label: Int[Tensor, " B"],
    target: Float[Tensor, "B C"],
    recipe: Recipe,
    weight: Float[Tensor, " C"] | None,
) -> Float[Tensor, ""]:
    """Cross-entropy (eq. 11) against labels or votes as the recipe says, over the labelled images;
    zero where there are none. The mean over several processes is that over all their images.
    """
    labelled = label != UNLABELLED
    losses = F.cross_entropy(
        at_least_float32(logits),
        target if recipe.targets == "votes" else label.clamp(min=0),
        weight=weight,
        label_smoothing=recipe.label_smoothing,
        reduction="none",
    )
    share = summed(labelled.sum()).clamp(min=1) / size()
    return (losses * labelled).sum() / share


def update(state: State, outcome: Outcome) -> None:
    """Take the gradient of the sum of the losses, and a step along it."""
    state.optimizer.zero_grad()
    torch.stack(list(outcome.losses.values())).sum().backward()
    state.optimizer.step()
    if state.ema is not None:
        state.ema.update(state.trained)


class Stepper:
    """Takes steps that change `state`. `begin_epoch` comes before every epoch."""

    def __init__(
        self, state: State, recipe: Recipe, variant: Variant, device: torch.device
    ) -> None:
        self.state, self.recipe, self.variant = state, recipe, variant
        self.metrics = EpochMetrics(device)
        self.weight: Float[Tensor, " C"] | None = None  # of the classes
        self.loss: nn.Module = JointLoss(state, recipe, variant)
        self.steps: list[Callable[[Batch], Outcome]]
        self.steps = [partial(self._step, grouping=grouping) for grouping in (False, True)]
        if size() > 1:
            parts = [one for one in (variant.clfm, variant.clbs) if one]
            # some of their weights get no gradient
            unused = any(one.detach_deep or getattr(one, "hash", "") == "hard" for one in parts)
            self.loss = DistributedDataParallel(self.loss, find_unused_parameters=unused)
        elif device.type == "cuda":
            lr_on_device(state.optimizer, device)
            stream = torch.cuda.Stream(device)
            self.steps = [CudaGraphStep(step, stream) for step in self.steps]

    def begin_epoch(self, training: Examples, steps: int) -> EpochMetrics:
        """The metrics of a new epoch, reset, and the class weights of its labels."""
        self.metrics.reset(steps)
        if self.recipe.balance == "weights":
            weight = class_weights(training)
            self.weight = weight if self.weight is None else self.weight.copy_(weight)
        return self.metrics

    def take(self, batch: Batch, lr: float, grouping: bool) -> Outcome:
        """A step at a learning rate; `grouping`: gradients are also measured by semantic group."""
        set_lr(self.state.optimizer, lr)
        return self.steps[grouping](batch)

    def _step(self, batch: Batch, grouping: bool) -> Outcome:
        outcome: Outcome = self.loss(batch, self.weight)
        groups: Sequence[Int[Tensor, "B _"]] = ()
        if grouping:  # of the shallow blocks' channels
            groups = semantic_groups(outcome.features, batch.start_semantics, STRONGEST)[:-1]
        self.metrics.watch(outcome.features, batch.label, groups)
        update(self.state, outcome)
        return outcome


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """The learning rate of the next step, written to the device where the optimizer reads it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def lr_on_device(optimizer: Optimizer, device: torch.device) -> None:
    """Keep the learning rate in a tensor on the device, so that a recorded step reads it there."""
    for group in optimizer.param_groups:
        group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32, device=device).clone()


class CudaGraphStep:
    """`step` recorded as a CUDA graph after a few calls, and replayed with the same result: a host
    launches the thousand small kernels of a step several times more slowly than a GPU runs them.

    `step` may read nothing back, must change what it changes in place, and get the same shapes in
    every batch. What it returns is overwritten by the next call. All of it happens in `stream`,
    which must not be the default one: autograd continues on the stream where it began, and a
    recording can't.
    """

    def __init__(self, step: Callable[[Batch], Outcome], stream: torch.cuda.Stream) -> None:
        self.step = step
        self.unrecorded = UNRECORDED
        self.stream = stream
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Batch) -> Outcome:
        current = torch.cuda.current_stream(self.stream.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            outcome = self._next(batch)
        current.wait_stream(self.stream)
        return outcome

    def _next(self, batch: Batch) -> Outcome:
        if self.unrecorded:
            self.unrecorded -= 1
            return self.step(batch)
        if self.graph is None:
            self._record(batch)
        for own, given in zip(self.batch.tensors().values(), batch.tensors().values(), strict=True):
            own.copy_(given)
        self.graph.replay()  # type: ignore[union-attr]
        return self.outcome

    def _record(self, batch: Batch) -> None:
        copies = {name: one.clone() for name, one in vars(batch).items() if name != "views"}
        self.batch = replace(batch, views=[view.clone() for view in batch.views], **copies)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=self.stream):
            self.outcome = self.step(self.batch)
