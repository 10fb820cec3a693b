"""The training loop: epochs of CL+MSR (Alg. 1), each followed by a look at the validation faces."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from torch import nn

from clfer.distributed import gathered, leads, led, size
from clfer.errors import InputError
from clfer.model.backbone import check_input
from clfer.model.comparators import relabelled
from clfer.model.variant import SCN, Variant
from clfer.progress import Track, silent
from clfer.training.batches import Batch, Batches, contents
from clfer.training.checkpoints import Checkpointer
from clfer.training.descent import Descent
from clfer.training.examples import Examples, Faces
from clfer.training.machine import repeatable
from clfer.training.moments import record
from clfer.training.precision import precision
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.schedule import learning_rate
from clfer.training.state import Row, State, begin
from clfer.training.step import Outcome
from clfer.training.supervision import supervised

GROUPED = 128  # images of an epoch, the first ones, whose gradients are recorded by semantic group


def train(
    faces: Faces,
    splits: Mapping[str, Examples],
    recipe: Recipe,
    variant: Variant,
    seed: int,
    checkpoint: Checkpointer,
    track: Track,
    report: Callable[[Row], None],
) -> State:
    """Train one variant with one seed; `best` holds the weights of the epoch that was selected.

    Each epoch's row of the history goes to `report` as it is done.

    splits: `train` and `val`; `test` only where `recipe.select` is `test`, and then it is looked at
    every epoch. The selected epoch is the first of highest accuracy on the split named by `select`.
    Raises InputError when the loss is no longer a number; the last good epoch stays in the
    checkpoint, and the batch is put beside it.
    """
    check_input(recipe.crop, recipe.stem)
    check_team(recipe)
    training = supervised(splits["train"], recipe, variant, seed).to(faces.device)
    watched = {name: splits[name].to(faces.device) for name in splits if name != "train"}
    state = begin(recipe, variant, training, seed, faces.device)
    checkpoint.resume(state)
    descent = Descent(state, recipe, variant, faces.device)
    for epoch in range(len(state.history), recipe.epochs):
        with repeatable(recipe.deterministic):
            row = train_epoch(descent, faces, training, seed, epoch, checkpoint, track)
        led(state.network)
        for name, examples in watched.items():
            row |= look(state.network, faces, examples, recipe, name)
        check_finite(state.network, recipe, epoch)
        record(state.moments, state.network, faces, watched["val"], recipe, epoch + 1)
        select(state, row, f"{recipe.select}_accuracy", epoch)
        if leads():
            checkpoint.save(state)
            report(row)
    return state


def train_epoch(
    descent: Descent,
    faces: Faces,
    training: Examples,
    seed: int,
    epoch: int,
    checkpoint: Checkpointer,
    track: Track,
) -> Row:
    """One pass over the training faces; the epoch's row of the history."""
    state, recipe, variant = descent.state, descent.recipe, descent.variant
    state.trained.train()
    training = replace(training, label=state.label)
    batches = Batches(faces, training, recipe, state.contrast, seed, epoch)
    relabelling = variant.scn and epoch >= variant.scn.relabel_from * recipe.epochs
    tally = descent.begin(training, len(batches))
    for step, batch in enumerate(track(batches, f"epoch {epoch + 1} of {recipe.epochs}")):
        rate = learning_rate(recipe, epoch, step, len(batches))
        outcome = descent.take(batch, rate, grouping=step * recipe.batch_size < GROUPED)
        tally.add(step, outcome.losses, outcome.logits, batch.label)
        if variant.scn and relabelling:
            relabel(state, batch, outcome, variant.scn)
    tally.gather()
    if (broken := tally.first_broken()) is not None:
        aside = checkpoint.aside("batch", contents(batches[broken]))
        raise InputError(
            f"training: the loss is not a number from epoch {epoch + 1}, step {broken + 1} on; "
            f"expected a finite loss; lower train.lr (now {recipe.lr}) and start again; "
            f"its batch is in {aside}"
        )
    return {"epoch": epoch + 1, "lr": rate, **tally.means()}


def relabel(state: State, batch: Batch, outcome: Outcome, scn: SCN) -> None:
    """Let SCN change labels of a batch, of that of all processes."""
    index, label = gathered(batch.index), gathered(batch.label)
    logits, importance = gathered(outcome.logits.detach()), gathered(outcome.importance.detach())
    state.label[index] = relabelled(label, logits, importance, scn)


def check_team(recipe: Recipe) -> None:
    """Raise InputError where several processes can't share a batch."""
    if recipe.batch_size % size():
        raise InputError(
            f"train.batch_size: expected a multiple of {size()}, so that each process has the same "
            f"share of a batch; found {recipe.batch_size}"
        )
    if recipe.mixup and size() > 1:
        raise InputError(
            "train.mixup: mixes faces of one process, expected 0 under several; found "
            f"{recipe.mixup}"
        )


def check_finite(network: nn.Module, recipe: Recipe, epoch: int) -> None:
    """Raise InputError where the last update of an epoch, whose loss nobody saw, broke the weights;
    such a state must not be kept.
    """
    if not all(bool(one.isfinite().all()) for one in network.parameters()):
        raise InputError(
            f"training: the weights are not numbers after epoch {epoch + 1}; expected finite ones; "
            f"lower train.lr (now {recipe.lr}) and start again"
        )


def look(network: nn.Module, faces: Faces, examples: Examples, recipe: Recipe, name: str) -> Row:
    """Mean cross-entropy and accuracy on a split, for the history."""
    probability = predict(
        network, faces, examples.face, recipe, precision(recipe, faces.device), silent
    )
    right = probability.argmax(1) == examples.label
    likelihood = probability.gather(1, examples.label[:, None]).clamp(min=1e-12)
    return {
        f"{name}_loss": float(-likelihood.log().mean()),
        f"{name}_accuracy": float(right.double().mean()),
    }


def select(state: State, row: Row, criterion: str, epoch: int) -> None:
    """Record an epoch; keep its weights if it is the first with the criterion's highest value."""
    if all(row[criterion] > past[criterion] for past in state.history):
        weights = state.network.state_dict()
        state.best = {name: value.detach().cpu().clone() for name, value in weights.items()}
        state.best_epoch = epoch + 1
    state.history.append(row)
