"""The head and the contrast of the paper's released code, which are not those of the paper.

Written from their formulas. Two things about them are worth knowing. Each image's vector a_i gets
the mean of its batch added, g, in evaluation too, so that the logits are W a_i + b plus the batch's
mean of W a: what an image is taken for depends on the others. And CLFM's codes are integers, so
that its loss is a constant.

Guessed, since the released code lacks its K-means: it is ours, and its centroids carry gradient.

Notation: B images, N vectors, D numbers in each, K groups; u_j of block j, M of its S x S places.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.distributed import gathered
from clfer.errors import InputError
from clfer.model.clustering import at_least_float32, group_means, kmeans
from clfer.model.contrast import assign
from clfer.model.variant import Released

WIDTH = 128
SIDE = 11  # of u_j
DEEPEST = 7  # side of the deepest map that the kernels below are made for
KERNELS = ((4, 11, 1), (8, 11, 3), (16, 10, 2), (32, 8, 0))  # size, stride, padding of each block
MOMENTUM = 0.1  # of the running mean
SHALLOW, DEEP = 1, 3  # the blocks that are contrasted
SEMANTICS = 4
STRONGEST = 2  # responses that code a map
POOLED = 3  # kernel and stride of the pooling before the code
ROW = 8  # a map's width in the codes, whatever it is


class ReleasedHead(nn.Module):
    """a_i + g [B, 121] of the features of a ResNet-18 or 34, whose deepest map is 7 x 7.

    `mean: batch` is the released code: g is the mean of the current batch, with gradient. With
    `running` it is the mean over past batches, in training and in testing, and no image depends on
    another.
    """

    def __init__(self, channels: Sequence[int], settings: Released) -> None:
        super().__init__()
        if channels[-1] % 4 ** len(channels):
            raise InputError(
                "variants: released: expected a deepest block of a multiple of 256 channels, "
                f"found {channels[-1]}; train.backbone resnet18 has it"
            )
        self.settings = settings
        self.scale = nn.ModuleList(
            nn.Sequential(
                nn.PixelShuffle(2 ** (j + 1)),
                nn.Conv2d(c // 4 ** (j + 1), WIDTH, kernel, stride, padding, bias=False),
            )
            for j, (c, (kernel, stride, padding)) in enumerate(zip(channels, KERNELS, strict=True))
        )
        self.fuse = nn.Sequential(
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH)
        )
        self.running: Float[Tensor, " 121"]
        self.register_buffer("running", torch.zeros(SIDE**2))

    def scaled(self, features: Float[Tensor, "B _ H W"], layer: int) -> Float[Tensor, "B M 11 11"]:
        """u_j. Raises InputError unless the map is that of a pyramid that ends at 7 x 7."""
        expected = DEEPEST << (len(KERNELS) - 1 - layer)
        if features.shape[-1] != expected:
            raise InputError(
                f"variants: released: expected a map of {expected} x {expected} from block "
                f"{layer + 1}, found {features.shape[-1]}; train.crop 112 with the small stem, or "
                "224 with the full one, gives it"
            )
        scaled: Tensor = self.scale[layer](features)
        return scaled

    def forward(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B 121"]:
        total = sum(self.scaled(maps, j) for j, maps in enumerate(features))
        own: Tensor = self.fuse(total).mean(dim=1).flatten(1)  # a_i
        if self.settings.mean == "batch":
            return own + gathered(own).mean(dim=0)
        if self.training:
            mean = gathered(own.detach()).float().mean(dim=0)
            self.running.lerp_(mean, MOMENTUM)
        return own + self.running


class ReleasedContrast(nn.Module):
    """CLFM and CLBS of the released code, of block 2 against block 4.

    scaled: `ReleasedHead.scaled` of the network, whose weights are not this module's.
    """

    def __init__(
        self, scaled: Callable[[Tensor, int], Tensor], classes: int, settings: Released
    ) -> None:
        super().__init__()
        self.scaled, self.k, self.settings = scaled, classes, settings
        self.convolutions = nn.ModuleDict(
            {str(j): nn.Conv2d(WIDTH, 4, 3, padding=1) for j in (SHALLOW, DEEP)}
        )

    def vector(self, features: Float[Tensor, "B _ H W"], layer: int) -> Float[Tensor, "B 484"]:
        """q_j, what CLBS compares."""
        maps = self.scaled(at_least_float32(features), layer).sigmoid()
        vector: Tensor = self.convolutions[str(layer)](maps).flatten(1)
        return vector

    def forward(
        self,
        features: Sequence[Float[Tensor, "B _ _ _"]],
        per_image: Float[Tensor, "B 1 4"],
        per_batch: Float[Tensor, "1 K"],
    ) -> dict[str, Float[Tensor, ""]]:
        """The losses by name. per_image and per_batch: the draws of the K-means starts."""
        weight, iterations = self.settings.contrast, self.settings.iterations
        deep, shallow = code(features[DEEP]), code(features[SHALLOW])
        clusters = kmeans(deep, per_image, iterations)
        along_groups = agreement(shallow, deep, clusters, SEMANTICS, dim=1)  # [B, 4]
        q = gathered(self.vector(features[DEEP], DEEP)).unsqueeze(0)
        shallow = gathered(self.vector(features[SHALLOW], SHALLOW)).unsqueeze(0)
        k = min(self.k, q.shape[1])
        clusters = kmeans(q.detach(), per_batch[None, :, :k], iterations)
        along_numbers = agreement(shallow, q, clusters, k, dim=2)  # [1, K]
        return {
            "loss_fm": -weight / 2 * along_groups.mean(),
            "loss_bs": -weight / 2 * along_numbers.mean(),
        }


@torch.no_grad()
def code(maps: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C 4"]:
    """(n div 8, n mod 8) of the two largest of the pooled positions n of each map."""
    pooled = F.avg_pool2d(at_least_float32(maps), POOLED).flatten(2)
    n = pooled.topk(STRONGEST, dim=-1).indices
    return torch.stack([n // ROW, n % ROW], dim=-1).flatten(2).float()


def agreement(
    shallow: Float[Tensor, "B N D"],
    deep: Float[Tensor, "B M D"],
    clusters: Int[Tensor, "B M"],
    k: int,
    dim: int,
) -> Float[Tensor, "B _"]:
    """Cosines between shallow group means and deep centroids [B, K, D], along K (1) or D (2).

    A group that no shallow vector joins takes the centroid as its mean, which is a perfect match.
    """
    centroids, occupied = group_means(deep, clusters, k)
    with torch.no_grad():
        joined = assign(shallow, centroids, occupied)
    means, found = group_means(shallow, joined, k)
    return F.cosine_similarity(torch.where(found.unsqueeze(2), means, centroids), centroids, dim)
