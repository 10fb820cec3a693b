"""What each block contributes to an answer, and all that explains the answer for one face."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from clfer.explanation.attention import (
    denormalised,
    enlarged,
    grad_cam,
    layer_cam,
    occlusion,
    scaled,
    sensitivity,
    stretched,
)
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.model.feature_maps import SEMANTICS, STRONGEST, semantic_groups
from clfer.model.multiscale import MultiScale
from clfer.model.network import Network
from clfer.randomness import generator

RESTARTS = 4  # of K-means, so that a figure does not depend on one start
BLOCK = 2  # whose semantic groups are shown: the one that CLFM and CLBS work on in the paper
CHANNELS = 4  # of each group, as in the paper's Fig. 10


@torch.no_grad()
def contributions(
    network: Network, features: Sequence[Float[Tensor, "B _ _ _"]]
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


def activations(features: Sequence[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B _ _"]]:
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
    pairs = list(zip(features, gradients, strict=True))
    added = contributions(network, features)
    falls = occlusion(network, images[0], chosen)
    channels, sizes = grouped(features, BLOCK, CHANNELS)

    def over(attention: Float[Tensor, "H W"]) -> Float[np.ndarray, "S S"]:
        return scaled(enlarged(attention, view.crop)).numpy()

    return Reasons(
        face=denormalised(images)[0].numpy(),
        probabilities=probabilities.numpy(),
        explained=chosen,
        attention=np.stack([over(layer_cam(*pair)[0]) for pair in pairs]),
        deepest=over(grad_cam(*pairs[-1])[0]) if added is None else None,
        logit=float(logits[chosen] - logits.mean()),
        covered=over(falls.relu()),
        fall=float(falls.max()),
        grids=[(maps.shape[-2], maps.shape[-1]) for maps in features],
        mu=added and added[0][0].numpy(),
        shares=added and added[1][0, :, chosen].numpy(),
        groups=enlarged(stretched(channels), view.crop).numpy(),
        sizes=sizes,
    )
