"""MSR: multi-scale representation, the layers weighed by attention and added (Sec. III-C)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.model.variant import MSR

WIDTH = 64  # channels of the convolution block


class MultiScale(nn.Module):
    """F = sum_j mu_j f'_j [B, fd] of the features of all L blocks (eq. 8-9).

    Eq. 8 shuffles the pixels of block j by r = 2^(j-1), which takes every block to the grid of the
    first, and then convolves. With a kernel and stride of 2^(L-1), a multiple of every r, the
    shuffle and the convolution are together one convolution of kernel and stride 2^(L-1) / r on the
    map as it is, with the same weights in another order (`shuffled_weight`): nothing is shuffled
    here.

    Where the paper says "convolution block" we take convolution, batch normalisation and ReLU; the
    average pooling goes to `grid` x `grid` positions, flattened and reduced by the 1 x 1
    convolution, so that with a grid of 4, the default, where in the face a response lies is not
    lost; W is one vector for all layers, as eq. 8 gives it no index. No statistic of the batch
    enters a prediction: an image's F is the same alone and in any batch.

    With `whole_deep`, which is not in the paper, mu_L = 1: the attention weighs the shallow layers
    beside a deepest one that it can't close.
    """

    def __init__(self, channels: Sequence[int], settings: MSR) -> None:
        super().__init__()
        self.settings = settings
        fd, positions = settings.fd, settings.grid**2
        kernels = [2 ** (len(channels) - 1 - j) for j in range(len(channels))]
        self.blocks = nn.ModuleList([_block(c, k) for c, k in zip(channels, kernels, strict=True)])
        # the 1 x 1 convolution of a flattened map
        self.reduce = nn.ModuleList([nn.Linear(WIDTH * positions, fd) for _ in channels])
        self.attention = nn.Linear(fd, 1, bias=False)  # W of eq. 8
        self.deepest: Float[Tensor, "L 1"]
        self.register_buffer("deepest", torch.eye(len(channels))[:, -1:], persistent=False)

    def reshape(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B L fd"]:
        """f'_j of every layer (eq. 8)."""
        grid, layers = self.settings.grid, zip(self.blocks, self.reduce, features, strict=True)
        vectors = [fc(F.adaptive_avg_pool2d(block(f), grid).flatten(1)) for block, fc, f in layers]
        return torch.stack(vectors, dim=1)

    def weigh(self, reshaped: Float[Tensor, "B L fd"]) -> Float[Tensor, "B L 1"]:
        """mu_j in (0, 1) of every layer (eq. 8); mu_L = 1 with `whole_deep`."""
        weights = torch.sigmoid(self.attention(reshaped))
        if self.settings.whole_deep:
            return weights * (1 - self.deepest) + self.deepest
        return weights

    def forward(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B fd"]:
        reshaped = self.reshape(features)
        return (self.weigh(reshaped) * reshaped).sum(dim=1)


def _block(channels: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, kernel, stride=kernel, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(inplace=True),
    )


def shuffled_weight(weight: Float[Tensor, "O C k k"], r: int) -> Float[Tensor, "O _ _ _"]:
    """The weight that, after PixelShuffle(r), computes what `weight` computes on the unshuffled
    map.

    Pixel shuffle sends channel c r^2 + a r + b at (y, x) to channel c at (y r + a, x r + b).
    """
    out, channels, k, _ = weight.shape
    split = weight.reshape(out, channels // r**2, r, r, k, k)  # [O, c, a, b, y, x]
    return split.permute(0, 1, 4, 2, 5, 3).reshape(out, channels // r**2, k * r, k * r)
