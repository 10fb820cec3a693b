"""What the rearrangements save: each module as the paper writes it beside ours, on a CPU.

`PYTHONPATH=tests python -m speed.rearranged`: maps of ResNet-18 at 224 px, batch 32, random;
forward and backward together, milliseconds, medians of passes taken in turn. Each pair computes the
same numbers, which is looked at before it is timed.
"""

import json

import torch
from speed.turns import both_ways, medians
from torch import Tensor, nn
from torch.nn import functional as F
from variants import CLBS_SETTINGS, CLFM_SETTINGS, OURS

from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.clustering import kmeans
from clfer.model.feature_maps import FeatureMapContrast
from clfer.model.hashing import soft_code
from clfer.model.multiscale import MultiScale, pool

BATCH, CHANNELS, SIDES = 32, (64, 128, 256, 512), (56, 28, 14, 7)
CLFM = FeatureMapContrast(CHANNELS, CLFM_SETTINGS)
CLBS = BatchSampleContrast(CHANNELS, 8, CLBS_SETTINGS.model_copy(update={"fd": 128}))
MSR = MultiScale(CHANNELS, OURS.msr.model_copy(update={"fd": 128}))
MAPS = [
    torch.randn(BATCH, c, side, side).to(memory_format=torch.channels_last).requires_grad_()
    for c, side in zip(CHANNELS, SIDES, strict=True)
]


def shuffled() -> Tensor:
    """MSR with every layer's pixels shuffled to 56 x 56 and convolved there (eq. 8)."""
    vectors = []
    for j, (f, block, reduce) in enumerate(zip(MAPS, MSR.blocks, MSR.reduce, strict=True)):
        convolution, *rest = block
        shuffled = F.pixel_shuffle(f, 2**j)
        maps = F.conv2d(shuffled, _unrearranged(convolution.weight, 2**j), stride=8)
        for module in rest:
            maps = module(maps)
        vectors.append(reduce(F.adaptive_avg_pool2d(maps, MSR.settings.pooled_size).flatten(1)))
    reshaped = torch.stack(vectors, dim=1)
    return (MSR.weigh(reshaped) * reshaped).sum(dim=1)


def _unrearranged(weight: Tensor, r: int) -> Tensor:
    """The weight on the shuffled map that is `weight` on the map as it is: [O, C, k, k] to
    [O, C / r^2, k r, k r].
    """
    return F.pixel_shuffle(weight, r) if r > 1 else weight


def convolved_first() -> Tensor:
    """Eq. 1's convolution on the whole maps of block 2, pooled afterwards."""
    return F.adaptive_avg_pool2d(CLFM.convolutions["1"](MAPS[1]), 7)


def pooled_first() -> Tensor:
    return CLFM.convolutions["1"](pool(MAPS[1], MAPS[3]))


def convolved_to_512() -> Tensor:
    """CLBS's convolution on the whole maps of block 2, its global mean afterwards."""
    convolution, fc, relu = CLBS.projections["1"]
    maps = F.conv2d(MAPS[1], convolution.weight[..., None, None], convolution.bias)
    return relu(fc(maps.mean((2, 3))))


def mean_first() -> Tensor:
    return CLBS.project(pool(MAPS[1], MAPS[3]), 1)


CODED = torch.randn(BATCH, 640, 7, 7, requires_grad=True)


def softmaxes() -> Tensor:
    """A softmax for each pair of eq. 1, over what the pairs before it left."""
    flat = F.layer_norm(CODED.flatten(2), (49,)) / 0.1
    cells = torch.cartesian_prod(torch.arange(7.0), torch.arange(7.0)) - 3
    pairs = []
    for _ in range(8):
        pairs.append(flat.softmax(-1) @ cells)
        flat = flat.scatter(-1, flat.detach().argmax(-1, keepdim=True), -torch.inf)
    return torch.stack(pairs, dim=2).flatten(2)


def one_softmax() -> Tensor:
    return soft_code(CODED, 8, 0.1)


POINTS, DRAWS = torch.randn(BATCH, 512, 16), torch.rand(BATCH, 1, 4)


def sample_by_sample() -> Tensor:
    return torch.cat([kmeans(POINTS[[b]], DRAWS[[b]], 10) for b in range(BATCH)]).float()


def together() -> Tensor:
    return kmeans(POINTS, DRAWS, 10).float()


def weights(module: nn.Module) -> list[Tensor]:
    return [w for w in module.parameters() if w.requires_grad]


PAIRS = {
    "MSR: shuffle, then convolve | one convolution": (
        (shuffled, lambda: MSR(MAPS)),
        [*MAPS, *weights(MSR)],
    ),
    "CLFM's convolution of block 2: before | after the pooling": (
        (convolved_first, pooled_first),
        [MAPS[1], *weights(CLFM.convolutions["1"])],
    ),
    "CLBS's convolution of block 2: before | after the global mean": (
        (convolved_to_512, mean_first),
        [MAPS[1], *weights(CLBS.projections["1"])],
    ),
    "soft code of 640 channels: eight softmaxes | one": ((softmaxes, one_softmax), [CODED]),
    "K-means of CLFM, forward only: image by image | together": ((sample_by_sample, together), []),
}

if __name__ == "__main__":
    torch.manual_seed(0)
    for name, (pair, learning) in PAIRS.items():
        literal, ours = pair
        torch.testing.assert_close(ours(), literal(), atol=2e-3, rtol=2e-3)
        work = [both_ways(f, *learning) if learning else f for f in pair]
        found = medians({"literal": work[0], "ours": work[1]})
        faster = found["literal"] / found["ours"]
        print(
            json.dumps(
                {
                    "what": name,
                    **{k: round(v, 1) for k, v in found.items()},
                    "times": round(faster, 2),
                }
            )
        )
