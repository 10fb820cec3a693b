"""All that explains a network's answer for one face."""

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
)
from clfer.explanation.layers import grouped, shares, stretched, weights
from clfer.faces.preprocessing import View
from clfer.faces.views import central
from clfer.model.network import Network

BLOCK = 2  # whose semantic groups are shown: the one that CLFM and CLBS work on in the paper
CHANNELS = 4  # of each group, as in the paper's Fig. 10


class Reasons(NamedTuple):
    """Of one face; blocks 1..L, classes 1..C; maps are as large as `face` and lie over it.

    face:          as the network takes it, values in [0, 1]
    probabilities: of the classes
    explained:     the class that everything below is about
    attention:     LayerCAM of each block, each from 0, where nothing speaks for the class, to 1
    deepest:       Grad-CAM of block L, likewise; None with MSR, which weighs positions apart, so
                   that the mean gradient of a channel says little
    logit:         of the class, less the mean of all classes, of which no probability depends
    covered:       what a grey patch takes from that, by its middle, likewise
    fall:          the most that it takes
    grids:         rows and columns of each block's maps
    mu:            weight of each block in MSR; None without MSR
    shares:        what each block adds to the logit of the class, less what it adds to the mean of
                   all classes; None without MSR
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

    The network has to be in evaluation mode, on the CPU.
    """
    images = central(torch.from_numpy(face)[None], view)
    with torch.no_grad():
        logits = network(images)[0]
    probabilities = logits.softmax(0)
    chosen = int(probabilities.argmax()) if explained is None else explained
    features, gradients = sensitivity(network, images, torch.tensor([chosen]))
    pairs = list(zip(features, gradients, strict=True))
    maps = [_over(layer_cam(*pair)[0], view.crop) for pair in pairs]
    mu, parts = weights(network, features), shares(network, features)
    falls = occlusion(network, images[0], chosen)
    channels, sizes = grouped(features, BLOCK, CHANNELS)
    return Reasons(
        face=denormalised(images)[0].numpy(),
        probabilities=probabilities.numpy(),
        explained=chosen,
        attention=torch.stack(maps).numpy(),
        deepest=_over(grad_cam(*pairs[-1])[0], view.crop).numpy() if mu is None else None,
        logit=float(logits[chosen] - logits.mean()),
        covered=_over(falls.relu(), view.crop).numpy(),
        fall=float(falls.max()),
        grids=[(one.shape[-2], one.shape[-1]) for one in features],
        mu=None if mu is None else mu[0].numpy(),
        shares=None if parts is None else parts[0, :, chosen].numpy(),
        groups=enlarged(stretched(channels), view.crop).numpy(),
        sizes=sizes,
    )


def _over(attention: Float[Tensor, "H W"], side: int) -> Float[Tensor, "{side} {side}"]:
    """A map as it lies over the face, of highest value 1."""
    return scaled(enlarged(attention, side))
