"""The cells of a pack as `python -m clfer.training` trains them, and after each epoch what each
loss asks of each block.

    python docs/results/gradients.py PACK CELLS GRADIENTS.csv

--seconds, --compile and --precision are as there.

A line of GRADIENTS.csv for each epoch, loss and block of the encoder. On copies of the network and
of the contrastive heads, so that the training is not touched, and on the first batches of the epoch
just done:

value     of the loss, weighted as it enters the sum. To compare variants at equal cross-entropy,
          take epochs of equal `value` of loss_cls
norm      of the loss' gradient with respect to the block's weights
cosine    between it and the gradient of the classification loss; empty where one of them is zero
steady    between the loss' gradients on the first two batches: it is small where a loss asks for
          something else in each batch
features  the norm of the gradient of one image's loss with respect to the block's features
scaled    the same times the norm of the features: it stays where features are scaled and what reads
          them is scaled back
alike     for CLBS and the blocks that it looks at: the cosine between what its head makes of two
          different images, mean over all pairs of the first batch. At 1 all of them point one way.
joined    for CLBS and its shallow blocks: groups of the first batch that a sample joins

All but these two and `steady` are means over the batches; `features` and `scaled` also over the
labelled images, times their number.

An epoch that was done again after a stop stands there twice.
"""

import argparse
import csv
import sys
from copy import deepcopy
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from clfer.errors import InputError, orderly_exit
from clfer.model.clustering import group_means, kmeans
from clfer.model.contrast import assign, unit
from clfer.model.variant import Variant
from clfer.training.batches import Batch, Batches
from clfer.training.cell import Cell, Data
from clfer.training.cells import override, train_cells
from clfer.training.examples import UNLABELLED
from clfer.training.machine import device
from clfer.training.pack import read
from clfer.training.recipe import Recipe
from clfer.training.state import State
from clfer.training.step import JointLoss

BATCHES = 2  # of an epoch that are looked at
CLASSIFICATION = "loss_cls"
COLUMNS = (
    *("variant", "seed", "epoch", "block", "loss", "value"),
    *("norm", "cosine", "steady", "features", "scaled", "alike", "joined"),
)


class Asked(NamedTuple):
    """What a loss asks of a block on a batch.

    weights:  its gradient with respect to them, as one vector
    features: mean norm over the labelled images of an image's own gradient
    scaled:   the same times the norm of the image's features
    """

    weights: Tensor
    features: Tensor
    scaled: Tensor


def measured(data: Data, cell: Cell, state: State) -> list[dict[str, Any]]:
    """The lines of an epoch, without its variant, seed and number."""
    recipe, variant = cell.recipe, cell.variant
    seed, epoch = cell.seed, len(state.history) - 1
    copy = replace(state, trained=deepcopy(state.trained), contrast=deepcopy(state.contrast))
    copy.trained.train()
    labelled = cell.training_examples(data).to(data.faces.device)
    batches = Batches(data.faces, labelled, recipe, copy.contrast, seed, epoch)
    looks = [
        gradients(copy, batches[number], recipe, variant)
        for number in range(min(BATCHES, len(batches)))
    ]
    likeness, groups = alike(copy, batches[0]), joined(copy, batches[0])
    rows = []
    for loss in looks[0]:
        for block in range(len(copy.trained.encoder.blocks)):
            those = [look[loss][1][block] for look in looks]
            towards = [look[CLASSIFICATION][1][block].weights for look in looks]
            norm = mean([one.weights.norm() for one in those])
            cosines = [angle(a.weights, b) for a, b in zip(those, towards, strict=True)]
            steady = angle(those[0].weights, those[-1].weights) if len(those) > 1 else None
            rows.append(
                {
                    "block": block + 1,
                    "loss": loss,
                    "value": mean([look[loss][0] for look in looks]),
                    "norm": norm,
                    "cosine": f"{mean(cosines):.4f}" if norm > 0 else "",
                    "steady": "" if steady is None or norm == 0 else f"{steady:.4f}",
                    "features": mean([one.features for one in those]),
                    "scaled": mean([one.scaled for one in those]),
                    "alike": likeness.get(block, "") if loss == "loss_bs" else "",
                    "joined": groups.get(block, "") if loss == "loss_bs" else "",
                }
            )
    return rows


def angle(one: Tensor, other: Tensor) -> Tensor:
    """The cosine between two vectors, in float64."""
    return nn.functional.cosine_similarity(one.double(), other.double(), dim=0)


def mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).mean())


def gradients(
    state: State, batch: Batch, recipe: Recipe, variant: Variant
) -> dict[str, tuple[Tensor, list[Asked]]]:
    """Of each loss its value, and what it asks of each block."""
    outcome = JointLoss(state, recipe, variant)(batch)
    labelled = batch.label != UNLABELLED
    blocks = [[*block.parameters()] for block in state.trained.encoder.blocks]
    wanted = [*outcome.features, *chain.from_iterable(blocks)]
    found = {}
    for name, loss in outcome.losses.items():
        towards = iter(
            torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)
            if loss.requires_grad
            else map(torch.zeros_like, wanted)
        )
        of_features, asked = list(islice(towards, len(blocks))), []
        for features, gradient, weights in zip(outcome.features, of_features, blocks, strict=True):
            own = labelled.sum() * gradient[labelled].flatten(1).float().norm(dim=1)
            level = features[labelled].detach().flatten(1).float().norm(dim=1)
            vector = torch.cat([one.flatten() for one in islice(towards, len(weights))])
            asked.append(Asked(vector, own.mean(), (own * level).mean()))
        found[name] = loss.detach(), asked
    return found


@torch.no_grad()
def alike(state: State, batch: Batch) -> dict[int, str]:
    """By block (from 0) the mean cosine of two of the vectors that CLBS compares."""
    clbs = state.contrast.clbs
    if clbs is None:
        return {}
    features = state.trained.features(batch.views[0])
    found = {}
    for j in clbs.layers:
        vectors = unit(clbs.project(features[j], j))
        count = len(vectors)
        pairs = vectors.sum(0).square().sum() - vectors.square().sum()
        found[j] = f"{float(pairs) / (count * (count - 1)):.4f}"
    return found


@torch.no_grad()
def joined(state: State, batch: Batch) -> dict[int, int]:
    """By shallow block (from 0) of CLBS the groups that its samples join."""
    clbs = state.contrast.clbs
    if clbs is None or clbs.settings.centers == "class":
        return {}
    features = state.trained.features(batch.views[0])
    deep, k = clbs.vectors(features[-1], clbs.layers[-1]), batch.start_bs.shape[-1]
    clusters = kmeans(deep, batch.start_bs[None], clbs.settings.iterations)
    centroids, occupied = group_means(deep, clusters, k)
    return {
        j: len(assign(clbs.vectors(features[j], j), centroids, occupied).unique())
        for j in clbs.shallow
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in ("pack", "cells", "gradients"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--precision", choices=("float32", "bfloat16"))
    given = parser.parse_args()

    def measure(cell: Cell, state: State) -> None:
        with given.gradients.open("a", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            if not file.tell():
                writer.writeheader()
            start = {"variant": cell.name, "seed": cell.seed, "epoch": len(state.history)}
            writer.writerows(start | row for row in measured(data, cell, state))

    try:
        data, cells = read(given.pack, device())
        cells = override(cells, given.compile, given.precision)
        with orderly_exit():
            train_cells(cells, data, given.cells, given.seconds, report=measure)
    except InputError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
