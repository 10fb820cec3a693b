"""What the network no longer knows where a part of the face is covered (Zeiler and Fergus, ECCV
2014): a check on gradients that uses none.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

GRID = 8  # places of the patch along a side of the image
PATCH = 0.25  # its share of that side
BATCH = 48  # covered images at a time


@torch.no_grad()
def covered(network: nn.Module, image: Float[Tensor, "3 H W"], label: int) -> Float[Tensor, "G G"]:
    """How much the logit of a class falls, against the mean of all, when a patch of the colour that
    erased parts have in training lies around the middle of each cell of a grid over the image.

    Negative where the class gains by it. The network has to be in evaluation mode.
    """
    boxes = [_patch(image, row, column) for row in range(GRID) for column in range(GRID)]
    whole = _logit(network, image[None], label)
    falls = []
    for start in range(0, len(boxes), BATCH):
        part = boxes[start : start + BATCH]
        images = image.repeat(len(part), 1, 1, 1)
        for one, (top, below, left, right) in zip(images, part, strict=True):
            one[:, top:below, left:right] = 0
        falls.append(whole - _logit(network, images, label))
    return torch.cat(falls).view(GRID, GRID)


def _patch(image: Float[Tensor, "3 H W"], row: int, column: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the patch in a cell; at the border part of it is outside."""
    edges: list[int] = []
    for cell, side in ((row, image.shape[1]), (column, image.shape[2])):
        middle = (cell + 0.5) / GRID
        edges += [round(side * min(max(middle + half, 0), 1)) for half in (-PATCH / 2, PATCH / 2)]
    top, below, left, right = edges
    return top, below, left, right


def _logit(network: nn.Module, images: Float[Tensor, "B 3 H W"], label: int) -> Float[Tensor, " B"]:
    logits: Tensor = network(images)
    return logits[:, label] - logits.mean(dim=1)
