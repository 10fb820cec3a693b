"""docs/results/folded.py: folded convolutions as a network that normalises."""

import runpy
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import resnet18
from torchvision.models.feature_extraction import create_feature_extractor

SCRIPT = runpy.run_path(str(Path(__file__).parents[2] / "docs/results/folded.py"))
BLOCKS = {"layer1": "1", "layer2": "2", "layer3": "3"}


def folded(network):
    """What the file holds: w g / s and b - m g / s, by the names of the convolutions."""
    found = {}
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and not name.startswith("layer4"):
            after = name.replace("conv", "bn").replace("downsample.0", "downsample.1")
            bn = network.get_submodule(after)
            scale = bn.weight / (bn.running_var + bn.eps).sqrt()
            found[f"{name}.weight"] = module.weight * scale[:, None, None, None]
            found[f"{name}.bias"] = bn.bias - bn.running_mean * scale
    return found


@torch.no_grad()
def trained(network):
    """With normalisations that do something."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.bias, module.running_mean, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.2)
    return network.eval()


@pytest.mark.parametrize("pooled", [True, False])
def test_a_network_of_folded_convolutions_computes_what_the_whole_one_did(pooled):
    torch.manual_seed(0)
    whole = trained(resnet18(weights=None))
    if not pooled:
        whole.maxpool = nn.Identity()
    images = torch.rand(6, 3, 64, 64)
    again = SCRIPT["unfolded"](folded(whole), images, pooled)
    assert again.state_dict().keys() == whole.state_dict().keys()
    found, expected = (
        create_feature_extractor(net.eval(), BLOCKS)(images) for net in (again, whole)
    )
    for block in found:
        torch.testing.assert_close(found[block], expected[block], rtol=1e-3, atol=1e-4)
