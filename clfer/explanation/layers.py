"""What each block of a network contributes to an answer, and all that explains the answer for one
face.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from clfer.explanation.attention import (
    denormalised,
    enlarged,
    grad_cam,
    layer_cam,
    occlusion,
    scaled,
    sensitivity,
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
def weights(
    network: Network, features: Sequence[Float[Tensor, "B _ _ _"]]
) -> Float[Tensor, "B L"] | None:
    """mu_j of eq. 8 in (0, 1) for each block, which need not sum to 1; None without MSR."""
    msr = network.representation
    if not isinstance(msr, MultiScale):
        return None
    return msr.weigh(msr.reshape(features)).squeeze(2)


@torch.no_grad()
def shares(
    network: Network, features: Sequence[Float[Tensor, "B _ _ _"]]
) -> Float[Tensor, "B L C"] | None:
    """What each block adds to the logit of each class, less its mean over the classes; None without
    MSR.

    F is the sum of mu_j f'_j (eq. 9) and the classifier is linear, so these parts and the bias add
    up to the logits exactly. A large mu_j alone says little: f'_j may be small.
    """
    msr = network.representation
    if not isinstance(msr, MultiScale):
        return None
    reshaped = msr.reshape(features)
    weighed = msr.weigh(reshaped) * reshaped  # [B, L, fd]
    parts: Tensor = weighed @ network.classifier.weight.T
    # the Self-Cure Network scales all logits of an image
    parts = parts * network.importance(weighed.sum(dim=1))[:, None, None]
    return parts - parts.mean(dim=2, keepdim=True)


def activations(features: Sequence[Float[Tensor, "B _ _ _"]]) -> list[Float[Tensor, "B _ _"]]:
    """The mean absolute activation over the channels of each block, by position."""
    return [feature.float().abs().mean(dim=1) for feature in features]


def stretched(maps: Float[Tensor, "*batch H W"]) -> Float[Tensor, "*batch H W"]:
    """Each map from 0 at its lowest to 1 at its highest response; a constant one is 0."""
    above = maps - maps.amin((-2, -1), keepdim=True)
    high = above.amax((-2, -1), keepdim=True)
    return above / torch.where(high == 0, 1.0, high)


def grouped(
    features: Sequence[Float[Tensor, "1 _ _ _"]], block: int, count: int
) -> tuple[Float[Tensor, "K {count} H W"], list[int]]:
    """The `count` strongest maps of each semantic group of a block (from 1) on one image, NaN where
    the group has fewer channels, and the size of each group. From the top of the face down.
    """
    draws = torch.rand(1, RESTARTS, SEMANTICS, generator=generator(0, "semantics"))
    group = semantic_groups(features, draws, STRONGEST)[block - 1][0]
    maps = features[block - 1][0]
    shown = maps.new_full((SEMANTICS, count, *maps.shape[1:]), torch.nan)
    for k, channels in enumerate(strongest(maps, group, SEMANTICS, count)):
        shown[k, : len(channels)] = maps[channels]
    return shown, torch.bincount(group, minlength=SEMANTICS).tolist()


def strongest(
    maps: Float[Tensor, "C H W"], group: Int[Tensor, " C"], groups: int, count: int
) -> list[Int[Tensor, " _"]]:
    """Of each group 0..groups-1 up to `count` channels with the highest mean absolute activation,
    strongest first, equal ones in their order.
    """
    order = maps.float().abs().mean((-2, -1)).argsort(descending=True, stable=True)
    return [order[group[order] == k][:count] for k in range(groups)]


class Reasons(NamedTuple):
    """Of one face; blocks 1..L, classes 1..C; maps are as large as `face` and lie over it.

    face:          as the network takes it, values in [0, 1]
    probabilities: of the classes
    explained:     the class that everything below is about
    attention:     LayerCAM of each block, from 0, where nothing speaks for the class, to 1
    deepest:       Grad-CAM of block L, likewise; None with MSR, which weighs positions separately
    logit:         of the class, less the mean of all classes
    covered:       what a grey patch takes from that, by the patch's middle, from 0 to 1
    fall:          the most that it takes
    grids:         rows and columns of each block's maps
    mu:            weight of each block in MSR; None without MSR
    shares:        what each block adds to the logit; None without MSR
    groups:        the strongest channels of each semantic group of block BLOCK, each from its
                   lowest response at 0 to its highest at 1; NaN where the group has fewer
    sizes:         channels in each group
    """

    face: Float[np.ndarray, "S S 3"]
    probabilities: Float[np.ndarray, " C"]
    explained: int
    attention: Float[np.ndarray, "L S S"]
    deepest: Float[np.ndarray, "S S"] | None
    logit: float
    covered: Float[np.ndarray, "S S"]
    fall: float
    grids: list[tuple[int, int]]
    mu: Float[np.ndarray, " L"] | None
    shares: Float[np.ndarray, " L"] | None
    groups: Float[np.ndarray, "K N S S"]
    sizes: list[int]


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
    mu, parts = weights(network, features), shares(network, features)
    falls = occlusion(network, images[0], chosen)
    channels, sizes = grouped(features, BLOCK, CHANNELS)

    def over(attention: Float[Tensor, "H W"]) -> Float[np.ndarray, "S S"]:
        return scaled(enlarged(attention, view.crop)).numpy()

    return Reasons(
        face=denormalised(images)[0].numpy(),
        probabilities=probabilities.numpy(),
        explained=chosen,
        attention=np.stack([over(layer_cam(*pair)[0]) for pair in pairs]),
        deepest=over(grad_cam(*pairs[-1])[0]) if mu is None else None,
        logit=float(logits[chosen] - logits.mean()),
        covered=over(falls.relu()),
        fall=float(falls.max()),
        grids=[(maps.shape[-2], maps.shape[-1]) for maps in features],
        mu=None if mu is None else mu[0].numpy(),
        shares=None if parts is None else parts[0, :, chosen].numpy(),
        groups=enlarged(stretched(channels), view.crop).numpy(),
        sizes=sizes,
    )
