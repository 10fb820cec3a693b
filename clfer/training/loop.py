"""The training loop: epochs of CL+MSR (Alg. 1), each followed by a validation."""

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from clfer.distributed import broadcast_buffers, gathered, leads, size
from clfer.errors import InputError
from clfer.model.backbone import check_input
from clfer.model.comparators import relabelled
from clfer.model.variant import SCN
from clfer.progress import Track
from clfer.training.batches import Batch, Batches
from clfer.training.cell import Cell, Data
from clfer.training.machine import repeatable
from clfer.training.prediction import logarithm, predict, scores, snapshot
from clfer.training.recipe import Recipe, learning_rate
from clfer.training.state import Checkpoint, Row, State, begin
from clfer.training.step import Outcome, Stepper

GROUPED = 128  # first images of an epoch whose gradients are measured by semantic group


def train(
    cell: Cell, data: Data, checkpoint: Checkpoint, track: Track, report: Callable[[State], None]
) -> State:
    """Train a cell; `best` holds the weights of the selected epoch, the first of highest accuracy
    on the split named by `recipe.select`.

    report: is called after each epoch. The test images are predicted, every epoch, only where
    `recipe.select` is `test` or `recipe.watch_test` is set.
    Raises InputError when the loss is no longer finite; the last good epoch stays in the
    checkpoint, and the batch is saved beside it.
    """
    recipe, variant, seed, faces = cell.recipe, cell.variant, cell.seed, data.faces
    check_input(recipe.crop, recipe.stem)
    check_processes(recipe)
    training = cell.training_examples(data).to(faces.device)
    parts = ["val", "test"] if recipe.select == "test" or recipe.watch_test else ["val"]
    watched = {part: data.splits[part].to(faces.device) for part in parts}
    state = begin(recipe, variant, training, seed, faces.device)
    checkpoint.resume(state)
    stepper = Stepper(state, recipe, variant, faces.device)
    for epoch in range(len(state.history), recipe.epochs):
        labelled = replace(training, label=state.label)
        with repeatable(recipe.deterministic):
            batches = Batches(faces, labelled, recipe, state.contrast, seed, epoch)
            row = train_epoch(stepper, batches, epoch, checkpoint, track)
        broadcast_buffers(state.network)
        for part, examples in watched.items():
            probability = predict(state.network, faces, examples.face, recipe)
            row |= scores(probability, examples.label, part)
            if recipe.watch_test == "outputs":
                state.snapshots[f"{part}_{epoch + 1:03}"] = logarithm(probability).half().cpu()
        check_finite(state.network, recipe, epoch)
        state.snapshots |= snapshot(state.network, faces, watched["val"], recipe, epoch + 1)
        state.record(row, f"{recipe.select}_accuracy")
        if leads():
            checkpoint.save(state)
            report(state)
    return state


def train_epoch(
    stepper: Stepper, batches: Batches, epoch: int, checkpoint: Checkpoint, track: Track
) -> Row:
    """One pass over the training faces; the epoch's row of the history."""
    state, recipe, scn = stepper.state, stepper.recipe, stepper.variant.scn
    state.trained.train()
    metrics = stepper.begin_epoch(batches.examples, len(batches))
    for step, batch in enumerate(track(batches, f"epoch {epoch + 1} of {recipe.epochs}")):
        lr = learning_rate(recipe, epoch, step, len(batches))
        outcome = stepper.take(batch, lr, grouping=step * recipe.batch_size < GROUPED)
        metrics.add(step, outcome.losses, outcome.logits, batch.label, outcome.recorded)
        if scn and epoch >= scn.relabel_from * recipe.epochs:
            relabel(state, batch, outcome, scn)
    metrics.gather()
    if (broken := metrics.first_non_finite()) is not None:
        path = checkpoint.save_beside("batch", batches[broken].tensors())
        raise InputError(
            f"training: the loss is not a number from epoch {epoch + 1}, step {broken + 1} on; "
            f"expected a finite loss; lower train.lr (now {recipe.lr}) and start again; "
            f"its batch is in {path}"
        )
    return {"epoch": epoch + 1, "lr": lr, **metrics.means()}


def relabel(state: State, batch: Batch, outcome: Outcome, scn: SCN) -> None:
    """Let SCN change labels of a batch, shared by all processes."""
    index, label = gathered(batch.index), gathered(batch.label)
    logits, importance = gathered(outcome.logits.detach()), gathered(outcome.importance.detach())
    state.label[index] = relabelled(label, logits, importance, scn)


def check_processes(recipe: Recipe) -> None:
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
    """Raise InputError where the last update of an epoch, which no loss shows, broke the weights;
    such a state must not be kept.
    """
    if not all(bool(one.isfinite().all()) for one in network.parameters()):
        raise InputError(
            f"training: the weights are not numbers after epoch {epoch + 1}; expected finite ones; "
            f"lower train.lr (now {recipe.lr}) and start again"
        )
