"""Weights to begin with: ImageNet's ResNet-18 but for its last block, from convolutions into which
batch normalisation was folded.

    python docs/results/folded.py FOLDED.npz PACK OUT.safetensors    # for train.weights

A folded convolution gives at once what convolution and normalisation gave together, but a network
in training normalises by the batch that it sees. So each normalisation gets, as scale and shift,
the standard deviation and mean that the folded convolution's output has on the first training faces
of PACK: on these the network computes what the folded one computes. The last block, whose
convolutions are not in the file, stays as torchvision draws it from seed 0.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.resnet import ResNet, resnet18

from clfer.faces.views import central
from clfer.training.pack import read

FACES = 1024  # that are looked at
MISSING = "layer4"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    for name in ("folded", "pack", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    with np.load(given.folded) as found:
        folded = {name: torch.from_numpy(found[name]) for name in found}
    data, cells = read(given.pack, torch.device("cpu"))
    recipe = cells[0].recipe
    images = central(data.faces(data.splits["train"].face[:FACES]), recipe)
    torch.manual_seed(0)
    network = unfolded(folded, images, recipe.stem == "full")
    save_file(network.state_dict(), given.out)


@torch.no_grad()
def unfolded(folded: dict[str, Tensor], images: Tensor, pooled: bool) -> ResNet:
    """The network in evaluation mode; images [N, 3, H, W]."""
    network: ResNet = resnet18(weights=None).eval()
    if not pooled:
        network.maxpool = nn.Identity()
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith(MISSING):
            module.weight.copy_(folded[f"{name}.weight"])
            after = network.get_submodule(normalisation(name))
            take = partial(take_over, bias=folded[f"{name}.bias"])
            hooks.append(after.register_forward_pre_hook(take))
    network(images)
    for hook in hooks:
        hook.remove()
    return network


def normalisation(convolution: str) -> str:
    """layer2.0.conv1 -> layer2.0.bn1, layer2.0.downsample.0 -> layer2.0.downsample.1."""
    return convolution.replace("conv", "bn").replace("downsample.0", "downsample.1")


def take_over(module: nn.BatchNorm2d, inputs: tuple[Tensor], bias: Tensor) -> None:
    """Have `module` add the bias and nothing else to the inputs it is about to get."""
    variance, mean = torch.var_mean(inputs[0], (0, 2, 3), correction=0)
    module.running_mean, module.running_var = mean, variance
    module.weight.copy_((variance + module.eps).sqrt())
    module.bias.copy_(mean + bias)


if __name__ == "__main__":
    main()
