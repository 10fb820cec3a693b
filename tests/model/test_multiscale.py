"""MSR (eq. 8-9) against the equations as they are written, with PyTorch's own pixel shuffle."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import pool
from torch.nn import functional as F

from clfer.model.multiscale import MultiScale, PatchConvolution
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


def literal(module, maps, j, weight):
    """f'_j as eq. 8 is written: shuffle, convolution block, AP, flatten, 1 x 1 convolution."""
    shuffled = F.pixel_shuffle(maps, 2**j)
    active = module.blocks[j][1](F.conv2d(shuffled, weight, stride=weight.shape[-1])).relu()
    side = module.settings.pooled_size
    return module.reduce[j](torch.tensor(pool(active.numpy(), side, side)).flatten(1))


@given(
    kernel=st.integers(1, 4),
    height=st.integers(4, 13),
    width=st.integers(4, 13),
    last=st.booleans(),
)
@settings(max_examples=30)
def test_a_convolution_of_patches_is_pytorchs_own(kernel, height, width, last):
    """With its gradients, in both orders of memory, and where a rest of the map fills no patch."""
    torch.manual_seed(kernel)
    ours = PatchConvolution(3, 5, kernel, stride=kernel, bias=False).double()
    order = torch.channels_last if last else torch.contiguous_format
    maps = torch.randn(2, 3, height, width, dtype=torch.float64).to(memory_format=order)
    maps.requires_grad_()
    theirs = F.conv2d(maps, ours.weight, stride=kernel)
    upwards = torch.randn_like(theirs)
    assert torch.allclose(ours(maps), theirs)
    wanted = torch.autograd.grad(theirs, (maps, ours.weight), upwards)
    found = torch.autograd.grad(ours(maps), (maps, ours.weight), upwards)
    assert all(map(torch.allclose, found, wanted))


sizes = {
    "seed": st.integers(0, 2**31),
    "images": st.integers(1, 2),
    "multiples": st.lists(st.integers(1, 2), min_size=2, max_size=4),
    "side": st.integers(2, 5),
    "fd": st.integers(1, 5),
    "grid": st.integers(1, 4),
}


@given(**sizes, training=st.booleans())
@settings(max_examples=30)
def test_the_rearranged_convolution_equals_the_shuffled_one(
    seed, images, multiples, side, fd, grid, training
):
    """Eq. 8, with the weights drawn for the shuffled map and carried over to ours."""
    module, features = random_case(seed, images, multiples, side, fd, grid, training)
    expected = []
    with torch.no_grad():
        for j, (block, maps) in enumerate(zip(module.blocks, features, strict=True)):
            out, channels, k, _ = block[0].weight.shape
            weight = torch.randn(out, channels // 4**j, k * 2**j, k * 2**j, dtype=torch.float64)
            block[0].weight.copy_(F.pixel_unshuffle(weight, 2**j))
            expected.append(literal(module, maps, j, weight))
        found = module.reshape(features)
    torch.testing.assert_close(found, torch.stack(expected, dim=1), rtol=1e-9, atol=1e-9)


@given(**sizes, whole=st.booleans())
@settings(max_examples=30)
def test_the_fusion_is_equation_9(seed, images, multiples, side, fd, grid, whole):
    """With `whole_deep` mu of the deepest layer is 1."""
    module, features = random_case(seed, images, multiples, side, fd, grid)
    module.settings = MSR(fd=fd, pooled_size=grid, whole_deep=whole)
    with torch.no_grad():
        layers, found = module.reshape(features).numpy(), module(features).numpy()
    for image, vectors in zip(found, layers, strict=True):
        mu = [
            1 / (1 + math.exp(-vector @ module.attention.weight[0].detach().numpy()))
            for vector in vectors
        ]
        if whole:
            mu[-1] = 1
        expected = sum(m * vector for m, vector in zip(mu, vectors, strict=True))
        np.testing.assert_allclose(image, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
def test_one_image_and_constant_maps_give_a_finite_gradient(training):
    module, features = random_case(0, 1, (1, 1, 1, 1), 4, 6, training=training)
    features = [torch.full_like(f, 3.0).requires_grad_() for f in features]
    vectors = module(features)
    vectors.square().sum().backward()
    assert vectors.isfinite().all()
    assert all(f.grad.isfinite().all() for f in features)
    assert all(p.grad.isfinite().all() for p in module.parameters())
