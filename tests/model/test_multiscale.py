"""MSR (eq. 8-9) against the pixel shuffle written down literally."""

import pytest
import torch
from torch.nn import functional as F

from clfer.model.multiscale import MultiScale, shuffled_weight

CHANNELS = (64, 128, 256, 512)


def literal(module, features, j):
    """f'_j of eq. 8: shuffle the pixels, then convolve, pool, flatten, 1 x 1."""
    r = 2**j
    convolution, norm, _ = module.blocks[j]
    shuffled = F.pixel_shuffle(features[j], r)
    maps = F.conv2d(shuffled, shuffled_weight(convolution.weight, r), stride=8)
    pooled = F.adaptive_avg_pool2d(F.relu(norm(maps)), 4)
    weight = module.reduce[j].weight[:, :, None, None]  # a 1 x 1 convolution of the flattened map
    return F.conv2d(pooled.reshape(2, -1, 1, 1), weight, module.reduce[j].bias).flatten(1)


@pytest.mark.parametrize("side", [4, 7])
def test_the_rearranged_convolution_equals_the_shuffled_one(side):
    module = MultiScale(CHANNELS, 16).double().eval()
    features = [
        torch.randn(2, c, side * 2 ** (3 - j), side * 2 ** (3 - j), dtype=torch.float64)
        for j, c in enumerate(CHANNELS)
    ]
    reshaped = module.reshape(features)
    for j in range(4):
        torch.testing.assert_close(
            reshaped[:, j], literal(module, features, j), atol=1e-10, rtol=1e-10
        )


def test_the_fusion_is_the_sum_weighed_by_attention():
    module = MultiScale(CHANNELS, 16).double().eval()
    features = [
        torch.randn(3, c, 8 * 2 ** (3 - j), 8 * 2 ** (3 - j)).double()
        for j, c in enumerate(CHANNELS)
    ]
    reshaped = module.reshape(features)
    w = module.attention.weight[0]
    expected = sum(
        torch.sigmoid((reshaped[:, j] * w).sum(1, keepdim=True)) * reshaped[:, j] for j in range(4)
    )
    torch.testing.assert_close(module(features), expected)
