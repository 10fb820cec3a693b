"""What explains the answer for one face: attention maps, what each block adds, groups of channels.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel by its mean gradient, which is meaningful
in the deepest block, where a channel stands for one thing all over the map. LayerCAM (Jiang et al.,
IEEE TIP 30, 2021) weighs each position of each channel by its own gradient, and so works in shallow
blocks too. The gradient is that of the class's logit on all paths: through the blocks above and,
with MSR, also directly. Occlusion (Zeiler and Fergus, ECCV 2014) covers a part instead.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.faces.preprocessing import MEAN, STD, View
from clfer.faces.views import central
from clfer.model.feature_maps import SEMANTICS, STRONGEST, semantic_groups
from clfer.model.multiscale import MultiScale
from clfer.model.network import Network
from clfer.randomness import generator

GRID = 8  # places of a covering patch along a side of the image
PATCH = 0.25  # its share of that side
BATCH = 48  # covered images at a time
RESTARTS = 4  # of K-means, so that a figure does not depend on one start
BLOCK = 2  # whose semantic groups are shown: the one that CLFM and CLBS work on in the paper
CHANNELS = 4  # of each group, as in the paper's Fig. 10

Images = Float[Tensor, "B 3 H W"]
Maps = Float[Tensor, "B C H W"]
Features = Sequence[Float[Tensor, "B _ _ _"]]  # f_1..f_L


def class_maps(
    network: Network, images: Images, classes: Int[Tensor, " B"]
) -> list[Float[Tensor, "B _ _"]]:
    """The LayerCAM [B, h_j, w_j] of each block for one class of each image."""
    return [layer_cam(*pair) for pair in zip(*sensitivity(network, images, classes), strict=True)]


def sensitivity(
    network: Network, images: Images, classes: Int[Tensor, " B"]
) -> tuple[Features, Features]:
    """The features and the gradients of the logit of each image's class with respect to them.

    The network is in evaluation mode; its weights and their gradients are left as they are.
    """
    with torch.enable_grad():
        # the images need a gradient, since the weights may need none
        features = network.features(images.detach().requires_grad_())
        logits = network.classify(network.represent(features))
        chosen = logits.gather(1, classes.unsqueeze(1)).sum()
        gradients = torch.autograd.grad(chosen, features)
    return [maps.detach() for maps in features], gradients


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


@torch.no_grad()
def contributions(
    network: Network, features: Features
) -> tuple[Float[Tensor, "B L"], Float[Tensor, "B L C"]] | None:
    """mu_j of eq. 8 in (0, 1) for each block, which need not sum to 1; and what each block adds to
    the logit of each class, less its mean over the classes. None without MSR.

    F is the sum of mu_j f'_j (eq. 9) and the classifier is linear, so these parts and the bias add
    up to the logits exactly. A large mu_j alone says little: f'_j may be small.
    """
    msr = network.representation
    if not isinstance(msr, MultiScale):
        return None
    reshaped = msr.reshape(features)
    mu = msr.weigh(reshaped)
    weighed = mu * reshaped  # [B, L, fd]
    parts: Tensor = weighed @ network.classifier.weight.T
    # the Self-Cure Network scales all logits of an image
    parts = parts * network.importance(weighed.sum(dim=1))[:, None, None]
    return mu.squeeze(2), parts - parts.mean(dim=2, keepdim=True)


def activations(features: Features) -> list[Float[Tensor, "B _ _"]]:
    """The mean absolute activation over the channels of each block, by position."""
    return [feature.float().abs().mean(dim=1) for feature in features]


def grouped(
    features: Sequence[Float[Tensor, "1 _ _ _"]], block: int, count: int
) -> tuple[Float[Tensor, "K {count} H W"], list[int]]:
    """The `count` maps of highest mean absolute activation of each semantic group of a block (from
    1) on one image, strongest first, NaN where the group has fewer channels; and the size of each
    group. From the top of the face down.
    """
    draws = torch.rand(1, RESTARTS, SEMANTICS, generator=generator(0, "semantics"))
    group = semantic_groups(features, draws, STRONGEST)[block - 1][0]
    maps = features[block - 1][0]
    order = maps.float().abs().mean((-2, -1)).argsort(descending=True, stable=True)
    shown = maps.new_full((SEMANTICS, count, *maps.shape[1:]), torch.nan)
    for k in range(SEMANTICS):
        channels = order[group[order] == k][:count]
        shown[k, : len(channels)] = maps[channels]
    return shown, torch.bincount(group, minlength=SEMANTICS).tolist()


class Reasons(NamedTuple):
    """Of one face; blocks 1..L, classes 1..C; maps are as large as `face` and lie over it."""

    face: Float[np.ndarray, "S S 3"]  # as the network takes it, values in [0, 1]
    probabilities: Float[np.ndarray, " C"]
    explained: int  # the class that everything below is about
    attention: Float[np.ndarray, "L S S"]  # LayerCAM from 0, where nothing speaks for it, to 1
    deepest: Float[np.ndarray, "S S"] | None  # Grad-CAM of block L; MSR weighs positions itself
    logit: float  # of the class, less the mean of all classes
    covered: Float[np.ndarray, "S S"]  # what a grey patch takes from it, by its middle, 0 to 1
    fall: float  # the most that it takes
    grids: list[tuple[int, int]]  # rows and columns of each block's maps
    mu: Float[np.ndarray, " L"] | None  # weight of each block in MSR
    shares: Float[np.ndarray, " L"] | None  # what each block adds to the logit; None without MSR
    groups: Float[np.ndarray, "K N S S"]  # of block BLOCK, see `grouped`; each map from 0 to 1
    sizes: list[int]  # channels in each group


def reasons(
    network: Network, face: UInt8[np.ndarray, "_ _ _"], view: View, explained: int | None
) -> Reasons:
    """Of a face as cut, for the class `explained` or, where that is None, the most probable one.

    The network is in evaluation mode, on the CPU.
    """
    images = central(torch.from_numpy(face)[None], view)
    with torch.no_grad():
        logits = network(images)[0]
    probabilities = logits.softmax(0)
    chosen = int(probabilities.argmax()) if explained is None else explained
    features, gradients = sensitivity(network, images, torch.tensor([chosen]))
    added = contributions(network, features)
    falls = occlusion(network, images[0], chosen)
    channels, sizes = grouped(features, BLOCK, CHANNELS)

    def over(attention: Float[Tensor, "H W"]) -> Float[np.ndarray, "S S"]:
        return scaled(enlarged(attention, view.crop)).numpy()

    return Reasons(
        face=denormalised(images)[0].numpy(),
        probabilities=probabilities.numpy(),
        explained=chosen,
        attention=np.stack([over(maps[0]) for maps in map(layer_cam, features, gradients)]),
        deepest=over(grad_cam(features[-1], gradients[-1])[0]) if added is None else None,
        logit=float(logits[chosen] - logits.mean()),
        covered=over(falls.relu()),
        fall=float(falls.max()),
        grids=[(maps.shape[-2], maps.shape[-1]) for maps in features],
        mu=added and added[0][0].numpy(),
        shares=added and added[1][0, :, chosen].numpy(),
        groups=enlarged(stretched(channels), view.crop).numpy(),
        sizes=sizes,
    )
