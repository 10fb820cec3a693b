"""The steps of a run, one after the other, watched; on a GPU recorded and replayed, under several
processes taken together, their gradients averaged.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from clfer import distributed
from clfer.model.feature_maps import STRONGEST, semantic_groups
from clfer.model.variant import Variant
from clfer.training.batches import Batch
from clfer.training.examples import Examples
from clfer.training.optimizers import rate_on, set_rate
from clfer.training.recipe import Recipe
from clfer.training.recorded import Recorded
from clfer.training.state import State
from clfer.training.step import Outcome, forward, update
from clfer.training.supervision import class_weights
from clfer.training.tally import Tally

Step = Callable[[Batch], Outcome]


class Whole(nn.Module):
    """The forward pass as one module of all that is trained, as several processes want it."""

    def __init__(self, state: State, recipe: Recipe, variant: Variant) -> None:
        super().__init__()
        self.trained, self.contrast = state.trained, state.contrast
        self.forward = partial(_forward, state, recipe, variant)


def _forward(
    state: State, recipe: Recipe, variant: Variant, batch: Batch, balance: Tensor | None
) -> Outcome:
    return forward(state, batch, recipe, variant, balance)


class Descent:
    """Takes steps that change `state`. `begin` comes before every epoch."""

    def __init__(
        self, state: State, recipe: Recipe, variant: Variant, device: torch.device
    ) -> None:
        self.state, self.recipe, self.variant, self.device = state, recipe, variant, device
        self.tally: Tally | None = None
        self.balance: Float[Tensor, " C"] | None = None
        self.steps: tuple[Step, Step] = (self._plain, self._grouping)
        self.whole: nn.Module = Whole(state, recipe, variant)
        if distributed.size() > 1:
            idle = _idle(variant)
            self.whole = DistributedDataParallel(self.whole, find_unused_parameters=idle)
        elif device.type == "cuda":
            rate_on(device, state.optimizer)
            stream = torch.cuda.Stream(device)
            self.steps = Recorded(self._plain, stream), Recorded(self._grouping, stream)

    def begin(self, training: Examples, steps: int) -> Tally:
        """The tally of a new epoch, and the class weights of its labels."""
        if self.tally is None:
            self.tally = Tally(steps, self.device)
        self.tally.reset()
        if self.recipe.balance == "weights":
            weights = class_weights(training)
            self.balance = weights if self.balance is None else self.balance.copy_(weights)
        return self.tally

    def take(self, batch: Batch, rate: float, grouping: bool) -> Outcome:
        """A step at a learning rate; `grouping`: gradients are tallied by semantic group too."""
        set_rate(self.state.optimizer, rate)
        return self.steps[grouping](batch)

    def _plain(self, batch: Batch) -> Outcome:
        return self._update(self.whole(batch, self.balance), ())

    def _grouping(self, batch: Batch) -> Outcome:
        outcome = self.whole(batch, self.balance)
        return self._update(outcome, _grouped(outcome, batch))

    def _update(self, outcome: Outcome, groups: Sequence[Int[Tensor, "B _"]]) -> Outcome:
        self.tally.watch(outcome.features, groups)  # type: ignore[union-attr]
        update(self.state, outcome)
        return outcome


def _idle(variant: Variant) -> bool:
    """Whether some weights of a variant have no gradient, which PyTorch wants to be told."""
    clfm, clbs = variant.clfm, variant.clbs
    hard = clfm and (clfm.hash == "hard" or clfm.detach_deep)
    return bool(hard or (clbs and clbs.detach_deep))


def _grouped(outcome: Outcome, batch: Batch) -> list[Int[Tensor, "B _"]]:
    """The semantic groups of the shallow blocks' channels."""
    return semantic_groups(outcome.features, batch.start_semantics, STRONGEST)[:-1]
