"""The training loop: epochs of CL+MSR (Alg. 1), each followed by a look at the validation faces."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.faces.views import DRAWS, augmented
from clfer.model.backbone import check_input
from clfer.model.method import Contrast, build
from clfer.model.network import Network
from clfer.model.variant import Variant
from clfer.progress import Track, silent
from clfer.randomness import generator
from clfer.training.checkpoints import Checkpoint
from clfer.training.examples import Examples, Faces, class_weights, order
from clfer.training.precision import precision
from clfer.training.prediction import predict
from clfer.training.recipe import Recipe
from clfer.training.schedule import learning_rate
from clfer.training.tally import Tally

Row = dict[str, int | float]  # an epoch in the history


@dataclass
class State:
    """All that a run is made of between two epochs, as it is `saved` and `restored`."""

    network: Network
    contrast: Contrast
    optimizer: torch.optim.Optimizer
    history: list[Row] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)  # weights of the selected epoch
    best_epoch: int = 0

    def saved(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "contrast": self.contrast.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "best": self.best,
            "best_epoch": self.best_epoch,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.contrast.load_state_dict(saved["contrast"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.history, self.best = saved["history"], saved["best"]
        self.best_epoch = saved["best_epoch"]


def train(
    faces: Faces,
    splits: Mapping[str, Examples],
    recipe: Recipe,
    variant: Variant,
    seed: int,
    checkpoint: Checkpoint,
    track: Track,
    report: Callable[[Row], None],
) -> State:
    """Train one variant with one seed; `best` holds the weights of the epoch that was selected.

    Each epoch's row of the history goes to `report` as it is done.

    splits: `train` and `val`; `test` only where `recipe.select` is `test`, and then it is looked at
    every epoch. The selected epoch is the first of highest accuracy on the split named by `select`.
    Raises InputError when the loss is no longer a number; the last good epoch stays in the
    checkpoint.
    """
    check_input(recipe.crop, recipe.stem)
    classes = splits["train"].target.shape[1]
    network, contrast = build(recipe.backbone, recipe.weights, recipe.stem, classes, variant, seed)
    network.to(faces.device).to(memory_format=torch.channels_last)
    contrast.to(faces.device)
    weights = [*network.parameters(), *contrast.parameters()]
    adam = torch.optim.Adam(weights, recipe.lr, weight_decay=recipe.weight_decay, fused=True)
    state = State(network, contrast, adam)
    checkpoint.resume(state)
    splits = {name: examples.to(faces.device) for name, examples in splits.items()}
    for epoch in range(len(state.history), recipe.epochs):
        row = train_epoch(state, faces, splits["train"], recipe, seed, epoch, track)
        for name in splits.keys() - {"train"}:
            row |= look(state.network, faces, splits[name], recipe, name)
        select(state, row, f"{recipe.select}_accuracy", epoch)
        checkpoint.save(state)
        report(row)
    return state


def train_epoch(
    state: State,
    faces: Faces,
    examples: Examples,
    recipe: Recipe,
    seed: int,
    epoch: int,
    track: Track,
) -> Row:
    """One pass over the training faces; the epoch's row of the history.

    A last batch that is not full is left out, unless it is the only one.
    """
    state.network.train()
    batches = order(examples, recipe.balance, seed, epoch).split(recipe.batch_size)
    batches = [b for b in batches if len(b) == recipe.batch_size] or list(batches)
    draw = draws(len(examples), len(batches), state.contrast, seed, epoch)
    classes = examples.target.shape[1]
    balance = class_weights(examples, classes) if recipe.balance == "weights" else None
    tally = Tally(len(batches), faces.device)
    for step, index in enumerate(track(batches, f"epoch {epoch + 1} of {recipe.epochs}")):
        rate = learning_rate(recipe, epoch, step, len(batches))
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        there = index.to(faces.device)
        label = examples.label[there]
        target = examples.target[there] if recipe.targets == "votes" else label
        view, start_fm, start_bs = (d.to(faces.device) for d in draw(step, index))
        images = augmented(faces(examples.face[index]), view, recipe, recipe)
        with precision(recipe, faces.device):
            features = state.network.features(images)
            logits = state.network.classify(features)
        tally.watch(features)
        loss_cls = F.cross_entropy(logits.float(), target, weight=balance)
        loss_fm, loss_bs = state.contrast(features, label, start_fm, start_bs)
        state.optimizer.zero_grad()
        (loss_cls + loss_fm + loss_bs).backward()  # eq. 10
        state.optimizer.step()
        tally.add(step, loss_cls, loss_fm, loss_bs, logits, label)
    if (broken := tally.first_broken()) is not None:
        raise InputError(
            f"training: the loss is not a number from epoch {epoch + 1}, step {broken + 1} on; "
            f"expected a finite loss; lower train.lr (now {recipe.lr}) and start again"
        )
    return {"epoch": epoch + 1, "lr": rate, **tally.means()}


def draws(
    images: int, steps: int, contrast: Contrast, seed: int, epoch: int
) -> Callable[[int, Tensor], tuple[Tensor, Tensor, Tensor]]:
    """All random numbers of an epoch, as a function of the step and its images.

    They are drawn beforehand, a row for each image, so that its augmentation and K-means start
    depend on nothing but the seed, the epoch and the image.
    """
    per_image, per_batch = contrast.draws
    view = torch.rand(images, DRAWS, generator=generator(seed, "augment", epoch))
    start_fm = torch.rand(images, per_image, generator=generator(seed, "clfm", epoch))
    start_bs = torch.rand(steps, per_batch, generator=generator(seed, "clbs", epoch))
    return lambda step, index: (view[index], start_fm[index], start_bs[step])


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
