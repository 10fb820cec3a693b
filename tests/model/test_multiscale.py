"""MSR (eq. 8-9) against the pixel shuffle written down literally."""

import numpy as np
import pytest
import references_network as references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from clfer.model.multiscale import MultiScale
from clfer.model.variant import MSR


def random_case(seed, images, multiples, side, fd, grid=4, training=False):
    """A module in double precision with statistics, scales and weights that are not the initial
    ones, and features of all blocks. Block j has a multiple of 4^j channels, to be shuffled.
    """
    torch.manual_seed(seed)
    channels = [m * 4**j for j, m in enumerate(multiples)]
    module = MultiScale(channels, MSR(fd=fd, pooled_size=grid)).double().train(training)
    for block in module.blocks:
        for values in (block[1].running_mean, block[1].weight.data, block[1].bias.data):
            values.normal_()
        block[1].running_var.uniform_(0.5, 2)
    sides = [side * 2 ** (len(channels) - 1 - j) for j in range(len(channels))]
    features = [
        torch.randn(images, c, s, s, dtype=torch.float64)
        for c, s in zip(channels, sides, strict=True)
    ]
    return module, features


def literal(module, features, j, weight):
    norm = module.blocks[j][1]
    values = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    linear = module.reduce[j]
    return references.reshaped(
        features[j].numpy(),
        2**j,
        weight,
        [v.detach().numpy() for v in values],
        (linear.weight.detach().numpy(), linear.bias.detach().numpy()),
        module.settings.pooled_size,
        module.training,
    )


sizes = {
    "seed": st.integers(0, 2**31),
    "images": st.integers(1, 2),
    "multiples": st.lists(st.integers(1, 2), min_size=2, max_size=4),
    "side": st.integers(2, 5),
    "fd": st.integers(1, 5),
    "grid": st.integers(1, 4),
}


@given(**sizes, training=st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_rearranged_convolution_equals_the_shuffled_one(
    seed, images, multiples, side, fd, grid, training
):
    """Eq. 8, with the weights drawn for the shuffled map and carried over to ours."""
    module, features = random_case(seed, images, multiples, side, fd, grid, training)
    expected = []
    for j, block in enumerate(module.blocks):
        out, channels, k, _ = block[0].weight.shape
        weight = np.random.default_rng(seed).normal(
            size=(out, channels // 4**j, k * 2**j, k * 2**j)
        )
        with torch.no_grad():
            block[0].weight.copy_(torch.tensor(references.unshuffled_weight(weight, 2**j)))
        expected.append(literal(module, features, j, weight))
    found = module.reshape(features).detach()
    np.testing.assert_allclose(found, np.stack(expected, axis=1), rtol=1e-9, atol=1e-9)


def test_the_shuffle_written_down_is_the_one_of_the_cited_paper():
    """As PyTorch has it, which cites the same paper (Shi et al. 2016)."""
    maps = torch.randn(2, 18, 2, 3, dtype=torch.float64)
    np.testing.assert_array_equal(
        references.pixel_shuffle(maps.numpy(), 3), F.pixel_shuffle(maps, 3)
    )


@given(**sizes, whole=st.booleans())
@settings(max_examples=30, deadline=None)
def test_the_fusion_is_equation_9(seed, images, multiples, side, fd, grid, whole):
    """With `whole_deep` mu of the deepest layer is 1."""
    module, features = random_case(seed, images, multiples, side, fd, grid)
    module.settings = MSR(fd=fd, pooled_size=grid, whole_deep=whole)
    with torch.no_grad():
        layers = module.reshape(features).numpy().transpose(1, 0, 2)
        expected = references.fused(layers, module.attention.weight[0].numpy(), whole)
        np.testing.assert_allclose(module(features), expected, rtol=1e-9, atol=1e-12)


def test_an_image_is_represented_alike_in_any_batch_and_order():
    module, features = random_case(0, 5, (1, 1, 1, 1), 4, 6)
    together, order = module(features), torch.randperm(5)
    torch.testing.assert_close(module([f[order] for f in features]), together[order])
    torch.testing.assert_close(module([f[2:3] for f in features]), together[2:3])


@pytest.mark.parametrize("training", [False, True])
def test_one_image_and_constant_maps_give_a_finite_gradient(training):
    module, features = random_case(0, 1, (1, 1, 1, 1), 4, 6, training=training)
    features = [torch.full_like(f, 3.0).requires_grad_() for f in features]
    vectors = module(features)
    vectors.square().sum().backward()
    assert vectors.isfinite().all()
    assert all(f.grad.isfinite().all() for f in features)
    assert all(p.grad.isfinite().all() for p in module.parameters())
