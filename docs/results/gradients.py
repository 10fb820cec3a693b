"""The cells of a pack as `python -m clfer.training` trains them, and after each epoch what each
loss asks of each block.

    python docs/results/gradients.py PACK CELLS GRADIENTS.csv [--precision bfloat16]

A line of GRADIENTS.csv for each epoch, loss and block of the encoder. On copies of the network and
of the contrastive heads, so that the training is not touched, and on the first batches of the epoch
just done:

norm     of the loss' gradient with respect to the block's weights, mean over the batches
cosine   between it and the gradient of the classification loss, mean over the batches; empty where
         one of them is zero
alike    for CLBS and the blocks that it looks at: the cosine between what its head makes of two
         different images, mean over all pairs of the first batch. At 1 all of them point one way.

An epoch that was done again after a stop stands there twice.
"""

import argparse
import csv
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from clfer.errors import orderly_exit
from clfer.model.contrast import unit
from clfer.model.variant import Variant
from clfer.training.batches import Batch, Batches
from clfer.training.cell import Cell, Data
from clfer.training.cells import override, train_cells
from clfer.training.machine import device
from clfer.training.pack import read
from clfer.training.recipe import Recipe
from clfer.training.state import State
from clfer.training.step import forward

BATCHES = 2  # of an epoch that are looked at
CLASSIFICATION = "loss_cls"
COLUMNS = ("variant", "seed", "epoch", "block", "loss", "norm", "cosine", "alike")


def measured(data: Data, cell: Cell, state: State) -> list[tuple[int, str, float, str, str]]:
    """Block, loss, norm, cosine and likeness."""
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
    likeness = alike(copy, batches[0])
    rows = []
    for loss in looks[0]:
        for block in range(len(copy.trained.encoder.blocks)):
            those = [look[loss][block] for look in looks]
            towards = [look[CLASSIFICATION][block] for look in looks]
            norm = torch.stack([one.norm() for one in those]).mean()
            cosine = torch.stack(
                [
                    nn.functional.cosine_similarity(a.double(), b.double(), dim=0)
                    for a, b in zip(those, towards, strict=True)
                ]
            ).mean()
            same = likeness.get(block, "") if loss == "loss_bs" else ""
            rows.append((block + 1, loss, float(norm), f"{cosine:.4f}" if norm > 0 else "", same))
    return rows


def gradients(
    state: State, batch: Batch, recipe: Recipe, variant: Variant
) -> dict[str, list[Tensor]]:
    """Of each loss the gradient with respect to the weights of each block, as one vector."""
    losses = forward(state, batch, recipe, variant, None).losses
    found = {}
    for name, loss in losses.items():
        state.trained.zero_grad(set_to_none=True)
        if loss.requires_grad:
            loss.backward(retain_graph=True)
        found[name] = [
            torch.cat([flat(weights) for weights in block.parameters()])
            for block in state.trained.encoder.blocks
        ]
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


def flat(weights: nn.Parameter) -> Tensor:
    """The gradient as a vector, zeros where there is none."""
    return (torch.zeros_like(weights) if weights.grad is None else weights.grad).flatten()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in ("pack", "cells", "gradients"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--precision", choices=("float32", "bfloat16"))
    given = parser.parse_args()
    data, cells = read(given.pack, device())

    def measure(cell: Cell, state: State) -> None:
        with given.gradients.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not file.tell():
                writer.writerow(COLUMNS)
            start = (cell.name, cell.seed, len(state.history))
            writer.writerows((*start, *row) for row in measured(data, cell, state))

    with orderly_exit():
        cells = override(cells, False, given.precision)
        train_cells(cells, data, given.cells, report=measure)


if __name__ == "__main__":
    main()
