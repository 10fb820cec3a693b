"""Where a network looks for a class: class activation maps of its blocks.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel by its mean gradient, which says
something where a channel stands for one thing all over the map: in the deepest block. LayerCAM
(Jiang et al., IEEE TIP 30, 2021) weighs each position of each channel by its own gradient, and so
keeps its place in shallow blocks too. The gradient is that of the class's logit with respect to a
block's maps on every way to it: through the blocks above and, with MSR, also straight.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.model.network import Network

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
