"""Attention maps: where in an image a network looks for a class.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel by its mean gradient, which says
something where a channel stands for one thing all over the map: in the deepest block. LayerCAM
(Jiang et al., IEEE TIP 30, 2021) weighs each position of each channel by its own gradient, and so
keeps its place in shallow blocks too. The gradient is that of the class's logit with respect to a
block's maps on every way to it: through the blocks above and, with MSR, also straight.

Occlusion (Zeiler and Fergus, ECCV 2014) needs no gradient: it covers a part and looks at the logit.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.faces.preprocessing import MEAN, STD
from clfer.model.network import Network

GRID = 8  # places of a covering patch along a side of the image
PATCH = 0.25  # its share of that side
BATCH = 48  # covered images at a time

Maps = list[Float[Tensor, "B _ _ _"]]


def class_maps(
    network: Network, images: Float[Tensor, "B 3 H W"], classes: Int[Tensor, " B"]
) -> list[Float[Tensor, "B _ _"]]:
    """The LayerCAM [B, h_j, w_j] of each block for one class of each image."""
    features, gradients = sensitivity(network, images, classes)
    return [layer_cam(*pair) for pair in zip(features, gradients, strict=True)]


def sensitivity(
    network: Network, images: Float[Tensor, "B 3 H W"], classes: Int[Tensor, " B"]
) -> tuple[Maps, Maps]:
    """f_1..f_L and the gradients of each image's logit of its class with respect to them.

    The network has to be in evaluation mode, where no image depends on another of the batch; its
    weights and their gradients are left as they are.
    """
    with torch.enable_grad():
        # also of a network whose weights need no gradient
        features = network.features(images.detach().requires_grad_())
        logits = network.classify(network.represent(features))
        chosen = logits.gather(1, classes.unsqueeze(1)).sum()
        gradients = torch.autograd.grad(chosen, features)
    return [maps.detach() for maps in features], list(gradients)


def layer_cam(
    maps: Float[Tensor, "B C H W"], gradient: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B H W"]:
    """LayerCAM: ReLU(sum_k ReLU(g_k) A_k) at each position, of gradients g and activations A (Sec.
    III of Jiang et al.).
    """
    return (gradient.relu() * maps).sum(dim=1).relu()


def grad_cam(
    maps: Float[Tensor, "B C H W"], gradient: Float[Tensor, "B C H W"]
) -> Float[Tensor, "B H W"]:
    """Grad-CAM: ReLU(sum_k a_k A_k), where a_k is the mean of g_k over positions (eq. 1-2 of
    Selvaraju et al.). Where a linear head follows global pooling it is CAM (Zhou et al., CVPR 2016)
    divided by the number of positions, rectified.
    """
    weight = gradient.mean(dim=(2, 3), keepdim=True)
    return (weight * maps).sum(dim=1).relu()


def scaled(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map divided by its highest value: 0, where nothing speaks for the class, stays 0, and so
    does a map of zeros.
    """
    high = maps.amax((-2, -1), keepdim=True)
    return maps / torch.where(high > 0, high, 1.0)


def enlarged(maps: Float[Tensor, "*batch H W"], side: int) -> Float[Tensor, "*batch {side} {side}"]:
    """Maps brought to side x side pixels bilinearly; a corner pixel stays within its corner cell,
    so that they lie exactly over the image that they are of.
    """
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    large = F.interpolate(flat, size=(side, side), mode="bilinear", align_corners=False)
    return large.reshape(*maps.shape[:-2], side, side)


def denormalised(images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B H W 3"]:
    """Pixels in [0, 1] of images as the network takes them, the normalisation undone."""
    mean, std = torch.tensor([MEAN, STD], device=images.device).view(2, 3, 1, 1)
    pixels: Tensor = (images * std + mean).clamp(0, 1).permute(0, 2, 3, 1)
    return pixels


@torch.no_grad()
def occlusion(
    network: nn.Module, image: Float[Tensor, "3 H W"], label: int
) -> Float[Tensor, "G G"]:
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
