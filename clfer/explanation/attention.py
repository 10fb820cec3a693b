"""Attention maps: where in an image a network looks for a class.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel by its mean gradient, which is meaningful
in the deepest block, where a channel stands for one thing all over the map. LayerCAM (Jiang et al.,
IEEE TIP 30, 2021) weighs each position of each channel by its own gradient, and so works in shallow
blocks too. The gradient is that of the class's logit on all paths: through the blocks above and,
with MSR, also directly. Occlusion (Zeiler and Fergus, ECCV 2014) covers a part instead.
"""

from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.faces.preprocessing import MEAN, STD
from clfer.model.network import Network

GRID = 8  # places of a covering patch along a side of the image
PATCH = 0.25  # its share of that side
BATCH = 48  # covered images at a time

Images = Float[Tensor, "B 3 H W"]
Maps = Float[Tensor, "B C H W"]


def class_maps(
    network: Network, images: Images, classes: Int[Tensor, " B"]
) -> list[Float[Tensor, "B _ _"]]:
    """The LayerCAM [B, h_j, w_j] of each block for one class of each image."""
    features, gradients = sensitivity(network, images, classes)
    return [layer_cam(*pair) for pair in zip(features, gradients, strict=True)]


def sensitivity(
    network: Network, images: Images, classes: Int[Tensor, " B"]
) -> tuple[list[Float[Tensor, "B _ _ _"]], list[Float[Tensor, "B _ _ _"]]]:
    """f_1..f_L and the gradients of the logit of each image's class with respect to them.

    The network is in evaluation mode; its weights and their gradients are left as they are.
    """
    with torch.enable_grad():
        # the images need a gradient, since the weights may need none
        features = network.features(images.detach().requires_grad_())
        logits = network.classify(network.represent(features))
        chosen = logits.gather(1, classes.unsqueeze(1)).sum()
        gradients = torch.autograd.grad(chosen, features)
    return [maps.detach() for maps in features], list(gradients)


def layer_cam(maps: Maps, gradient: Maps) -> Float[Tensor, "B H W"]:
    """ReLU(sum_k ReLU(g_k) A_k) of gradients g and activations A (Jiang et al., Sec. III)."""
    return (gradient.relu() * maps).sum(dim=1).relu()


def grad_cam(maps: Maps, gradient: Maps) -> Float[Tensor, "B H W"]:
    """ReLU(sum_k a_k A_k), where a_k is the mean of g_k over positions (Selvaraju et al.,
    eq. 1-2). With a linear head on global pooling it is CAM, rectified, per position.
    """
    weight = gradient.mean(dim=(2, 3), keepdim=True)
    return (weight * maps).sum(dim=1).relu()


def scaled(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map divided by its highest value; 0 stays 0."""
    high = maps.amax((-2, -1), keepdim=True)
    return maps / torch.where(high > 0, high, 1.0)


def stretched(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map from 0 at its lowest to 1 at its highest response; a constant one is 0."""
    return scaled(maps - maps.amin((-2, -1), keepdim=True))


def enlarged(maps: Float[Tensor, "*batch H W"], side: int) -> Float[Tensor, "*batch {side} {side}"]:
    """Maps resized to side x side pixels bilinearly, aligned with the image that they are of."""
    flat = maps.reshape(-1, 1, *maps.shape[-2:])
    large = F.interpolate(flat, size=(side, side), mode="bilinear", align_corners=False)
    return large.reshape(*maps.shape[:-2], side, side)


def denormalised(images: Images) -> Float[Tensor, "B H W 3"]:
    """Pixels in [0, 1] of a network's input."""
    mean, std = torch.tensor([MEAN, STD], device=images.device).view(2, 3, 1, 1)
    pixels: Tensor = (images * std + mean).clamp(0, 1).permute(0, 2, 3, 1)
    return pixels


@torch.no_grad()
def occlusion(
    network: nn.Module, image: Float[Tensor, "3 H W"], label: int
) -> Float[Tensor, "G G"]:
    """How much the logit of a class, less the mean of all, falls when a patch of mean colour covers
    each cell of a grid over the image; negative where it rises. The network is in evaluation mode.
    """
    height, width = ([_covered(cell, side) for cell in range(GRID)] for side in image.shape[1:])
    covered = image.repeat(GRID**2, 1, 1, 1)
    for one, (rows, columns) in zip(covered, product(height, width), strict=True):
        one[:, rows, columns] = 0
    logits = torch.cat([network(part) for part in (image[None], *covered.split(BATCH))])
    above = logits[:, label] - logits.mean(dim=1)
    return (above[0] - above[1:]).view(GRID, GRID)


def _covered(cell: int, side: int) -> slice:
    """The pixels that a patch in a cell covers; at the border a part of it lies outside."""
    middle = (cell + 0.5) / GRID
    return slice(*(round(side * min(max(middle + half, 0), 1)) for half in (-PATCH / 2, PATCH / 2)))
