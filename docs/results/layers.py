"""What each layer brings to the prediction of models with MSR, on the validation faces of a pack.

    python docs/results/layers.py PACK MODEL.safetensors... > LAYERS.csv

The logits are a sum of one part for each layer (`clfer.explanation.contributions`). A layer
is taken out by putting the mean of its part over all faces in the place of each face's own. A line
for each model and layer:

weight   mu_j of eq. 8, mean over the faces
without  accuracy with this layer taken out
alone    accuracy with all others taken out
"""

import argparse
import csv
import sys
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from clfer.explanation import contributions
from clfer.model.bundle import load
from clfer.model.network import Network
from clfer.training.cell import Cell, Data
from clfer.training.pack import read
from clfer.training.prediction import batchwise

COLUMNS = ("model", "accuracy", "layer", "weight", "without", "alone")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("model", type=Path, nargs="+", help="with MSR")
    given = parser.parse_args()
    data, cells = read(given.pack, torch.device("cpu"))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for path in given.model:
        writer.writerows((path, *row) for row in rows(load(path)[0], data, cells[0]))


@torch.no_grad()
def rows(network: Network, data: Data, cell: Cell) -> list[tuple[str | int, ...]]:
    """The columns after `model`, for each layer."""

    def look(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B L*(1+C)"]:
        features = network.features(images)
        found = contributions(network, features)
        if found is None:
            raise SystemExit("expected a model with MSR, found one without")
        weight, share = found
        return torch.cat([weight.unsqueeze(2), share], dim=2).flatten(1)

    val = data.splits["val"]
    recipe = cell.recipe.model_copy(update={"precision": "float32"})
    found = batchwise(look, network, data.faces, val.face, recipe)
    found = found.unflatten(1, (len(network.encoder.channels), -1))
    weight, share = found[:, :, 0].mean(0), found[:, :, 1:]

    def accuracy(own: Float[Tensor, "L 1"]) -> str:
        logits = (own * share + (1 - own) * share.mean(0)).sum(1) + network.classifier.bias
        return f"{float((logits.argmax(1) == val.label).float().mean()):.4f}"

    whole = torch.ones(len(weight), 1)
    return [
        (accuracy(whole), j + 1, f"{float(weight[j]):.3f}", accuracy(whole - one), accuracy(one))
        for j, one in enumerate(torch.eye(len(weight)).unsqueeze(2))
    ]


if __name__ == "__main__":
    main()
