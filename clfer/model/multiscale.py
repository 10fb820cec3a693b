"""Feature maps of all layers at one scale: pooling, and MSR (Sec. III-C)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.model.clustering import at_least_float32
from clfer.model.variant import MSR

WIDTH = 64  # channels of the convolution block


def pool(
    features: Float[Tensor, "B C _ _"], deepest: Float[Tensor, "B _ H W"]
) -> Float[Tensor, "B C H W"]:
    """AP of eq. 1: a block's maps averaged onto the deepest block's grid, in float32 or better."""
    height, width = deepest.shape[-2:]
    if features.shape[-2:] != (height, width):
        features = F.adaptive_avg_pool2d(features, (height, width))
    return at_least_float32(features)


class MultiScale(nn.Module):
    """F = sum_j mu_j f'_j [B, fd] of the features of all L blocks (eq. 8-9).

    Eq. 8 shuffles the pixels of block j by r = 2^(j-1), which takes every block to the grid of the
    first, and then convolves. With a kernel and stride of 2^(L-1), a multiple of every r, the two
    are one convolution of kernel and stride 2^(L-1) / r on the map as it is, with the same weights
    in another order: nothing is shuffled here. (Pixel shuffle sends channel c r^2 + a r + b at
    (y, x) to channel c at (y r + a, x r + b).)

    The paper's "convolution block" is taken as convolution, batch normalisation and ReLU. The
    average pooling keeps `pooled_size` x `pooled_size` positions, so that where in the face a
    response lies is not lost; W is one vector for all layers, as eq. 8 gives it no index.

    With `whole_deep`, which is not in the paper, mu_L = 1: the attention weighs the shallow layers
    beside a deepest one that it can't close.
    """

    def __init__(self, channels: Sequence[int], settings: MSR) -> None:
        super().__init__()
        self.settings = settings
        deepest = len(channels) - 1
        self.blocks = nn.ModuleList(_block(c, 2 ** (deepest - j)) for j, c in enumerate(channels))
        # the 1 x 1 convolution of a flattened map
        flat = WIDTH * settings.pooled_size**2
        self.reduce = nn.ModuleList([nn.Linear(flat, settings.fd) for _ in channels])
        self.attention = nn.Linear(settings.fd, 1, bias=False)  # W of eq. 8
        self.deepest: Float[Tensor, "L 1"]
        self.register_buffer("deepest", torch.eye(len(channels))[:, -1:], persistent=False)

    def reshape(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B L fd"]:
        """f'_j of every layer (eq. 8): convolution block, AP, flatten, 1 x 1 convolution."""
        side = self.settings.pooled_size
        layers = zip(self.blocks, self.reduce, features, strict=True)
        vectors = [fc(F.adaptive_avg_pool2d(block(f), side).flatten(1)) for block, fc, f in layers]
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


class PatchConvolution(nn.Conv2d):
    """A convolution whose stride is its kernel k, computed on patches laid side by side: the same
    sums in another order. A CPU is a fifth faster in both directions together, for the gradient.
    """

    def forward(self, maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B F _ _"]:
        if torch.compiler.is_exporting():  # ONNX folds and quantises plain convolutions alone
            return super().forward(maps)
        k = self.kernel_size[0]
        rows, columns = maps.shape[2] // k, maps.shape[3] // k
        whole = maps.permute(0, 2, 3, 1)[:, : rows * k, : columns * k]
        patches = whole.unflatten(2, (columns, k)).unflatten(1, (rows, k)).transpose(2, 3)
        weight = self.weight.permute(0, 2, 3, 1).flatten(1)[..., None, None]
        return F.conv2d(patches.flatten(3).permute(0, 3, 1, 2), weight)


def _block(channels: int, kernel: int) -> nn.Module:
    return nn.Sequential(
        PatchConvolution(channels, WIDTH, kernel, stride=kernel, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(inplace=True),
    )
