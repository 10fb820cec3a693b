"""What the rearrangements save: each module as the paper writes it beside ours, on a CPU.

`python -m bench.rearranged`: maps of ResNet-18 at 224 px, batch 32, random; forward and backward
together, milliseconds, medians of passes taken in turn. Each pair computes the same numbers, which
is checked before it is timed.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from bench.timing import medians
from clfer.model import variant
from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.clustering import kmeans
from clfer.model.feature_maps import FeatureMapContrast, soft_code
from clfer.model.multiscale import MultiScale, pool

BATCH, CHANNELS, SIDES = 32, (64, 128, 256, 512), (56, 28, 14, 7)
CLFM = FeatureMapContrast(CHANNELS, variant.CLFM())
CLBS = BatchSampleContrast(CHANNELS, 8, variant.CLBS())
MSR = MultiScale(CHANNELS, variant.MSR())
MAPS = [
    torch.randn(BATCH, c, side, side).to(memory_format=torch.channels_last).requires_grad_()
    for c, side in zip(CHANNELS, SIDES, strict=True)
]
CODED = torch.randn(BATCH, 640, 7, 7, requires_grad=True)
POINTS, DRAWS = torch.randn(BATCH, 512, 16), torch.rand(BATCH, 1, 4)


def shuffled() -> Tensor:
    """MSR with every layer's pixels shuffled to 56 x 56 and convolved there (eq. 8), by the weight
    that is [O, C, k, k] on the map as it is and [O, C / r^2, k r, k r] on the shuffled one.
    """
    vectors = []
    for j, (f, block, reduce) in enumerate(zip(MAPS, MSR.blocks, MSR.reduce, strict=True)):
        weight = F.pixel_shuffle(block[0].weight, 2**j) if j else block[0].weight
        maps = F.conv2d(F.pixel_shuffle(f, 2**j), weight, stride=8)
        for module in block[1:]:
            maps = module(maps)
        vectors.append(reduce(F.adaptive_avg_pool2d(maps, MSR.settings.pooled_size).flatten(1)))
    reshaped = torch.stack(vectors, dim=1)
    return (MSR.weigh(reshaped) * reshaped).sum(dim=1)


def convolved_to_512() -> Tensor:
    """CLBS's convolution on the whole maps of block 2, its global mean afterwards."""
    convolution, fc, relu = CLBS.projections["1"]
    maps = F.conv2d(MAPS[1], convolution.weight[..., None, None], convolution.bias)
    return relu(fc(maps.mean((2, 3))))


def softmaxes() -> Tensor:
    """A softmax for each pair of eq. 1, over what the pairs before it left."""
    flat = F.layer_norm(CODED.flatten(2), (49,)) / 0.1
    cells = torch.cartesian_prod(torch.arange(7.0), torch.arange(7.0)) - 3
    pairs = []
    for _ in range(8):
        pairs.append(flat.softmax(-1) @ cells)
        flat = flat.scatter(-1, flat.detach().argmax(-1, keepdim=True), -torch.inf)
    return torch.stack(pairs, dim=2).flatten(2)


PAIRS = {
    "MSR: shuffle, then convolve | one convolution": (shuffled, lambda: MSR(MAPS)),
    "CLFM's convolution of block 2: before | after the pooling": (
        lambda: F.adaptive_avg_pool2d(CLFM.convolutions["1"](MAPS[1]), 7),
        lambda: CLFM.convolutions["1"](pool(MAPS[1], MAPS[3])),
    ),
    "CLBS's convolution of block 2: before | after the global mean": (
        convolved_to_512,
        lambda: CLBS.project(pool(MAPS[1], MAPS[3]), 1),
    ),
    "soft code of 640 channels: eight softmaxes | one": (
        softmaxes,
        lambda: soft_code(CODED, 8, 0.1),
    ),
    "K-means of CLFM, forward only: image by image | together": (
        lambda: torch.cat([kmeans(POINTS[[b]], DRAWS[[b]], 10) for b in range(BATCH)]),
        lambda: kmeans(POINTS, DRAWS, 10),
    ),
}
LEARNING = [*MAPS, CODED, *(w for one in (MSR, CLFM, CLBS) for w in one.parameters())]


def both_ways(forward: Callable[[], Tensor]) -> None:
    result = forward()
    if result.requires_grad:
        torch.autograd.grad(result.sum(), LEARNING, allow_unused=True)


if __name__ == "__main__":
    for name, pair in PAIRS.items():
        torch.testing.assert_close(pair[1](), pair[0](), atol=2e-3, rtol=2e-3)
        before, after = medians({one: partial(both_ways, one) for one in pair}).values()
        print(f"{name}: {before:.1f} and {after:.1f} ms, {before / after:.2f} times faster")
