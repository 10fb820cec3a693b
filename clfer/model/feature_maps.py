"""Latent semantics of a face, channels that respond at the same places, and CLFM, the contrastive
learning based on them (Sec. III-B1).
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.errors import InputError
from clfer.model.clustering import group_means, kmeans
from clfer.model.contrast import agreement, assign, nearest_cosine
from clfer.model.hashing import hard_code, soft_code
from clfer.model.multiscale import pool
from clfer.model.variant import CLFM

# of `semantic_groups`
SEMANTICS = 4  # the paper's K_FM
STRONGEST = 8  # responses that code a map: the paper's fd of 16
ITERATIONS = 10


class FeatureMapContrast(nn.Module):
    """The loss L_fm of eq. 6, averaged over the batch, from the features of all blocks.

    Each image's deep channels are clustered into K latent semantics; the channels of each shallow
    layer join the semantic whose centroid their code resembles most, and the two sides are pulled
    together.

    The paper does not say what its convolution is. Ours is 1 x 1 and applied after the pooling:
    both are linear and commute, and the maps are 16 times smaller there (for the second block).
    """

    def __init__(self, channels: Sequence[int], settings: CLFM) -> None:
        super().__init__()
        self.settings = settings
        self.shallow = [j for j, alpha in enumerate(settings.alpha) if alpha > 0]
        self.layers = [*self.shallow, len(channels) - 1]
        self.convolutions = nn.ModuleDict(
            # standardisation would take a bias away again
            {str(j): nn.Conv2d(channels[j], channels[j], 1, bias=False) for j in self.layers}
        )

    def code(self, pooled: Float[Tensor, "B C H W"], layer: int) -> Float[Tensor, "B C fd"]:
        """g_j of eq. 1: the code of each channel of a block.

        Raises InputError unless the maps have more positions than the code names.
        """
        maps = self.convolutions[str(layer)](pooled)
        strongest, positions = self.settings.fd // 2, maps[0, 0].numel()
        if strongest >= positions:
            raise InputError(
                f"variants: clfm.fd: the deepest map has {positions} positions, expected a code of "
                f"fewer, that is fd under {2 * positions}; found {self.settings.fd}"
            )
        if self.settings.hash == "hard":
            return hard_code(maps, strongest)
        return soft_code(maps, strongest, self.settings.temperature)

    def forward(
        self, pooled: Mapping[int, Float[Tensor, "B _ H W"]], uniform: Float[Tensor, "B R K"]
    ) -> Float[Tensor, ""]:
        """pooled: the blocks by number, each on the deepest one's grid, float32; uniform in [0, 1):
        the draws of each image's K-means starts.
        """
        maps = pooled[self.layers[-1]]
        deep = self.code(maps.detach() if self.settings.detach_deep else maps, self.layers[-1])
        clusters = kmeans(deep.detach(), uniform, self.settings.iterations)
        centroids, occupied = group_means(deep, clusters, self.settings.k)
        loss = deep.new_zeros(())
        for j in self.shallow:
            shallow = self.code(pooled[j], j)
            if self.settings.agreement == "channels":
                matched = nearest_cosine(shallow, centroids, occupied)  # [B, C]
            else:
                group = assign(shallow, centroids, occupied)
                matched, _ = agreement(shallow, centroids, group)  # [B]
            loss = loss.sub(matched.mean(), alpha=self.settings.alpha[j])
        return loss


@torch.no_grad()
def semantic_groups(
    features: Sequence[Float[Tensor, "B _ _ _"]], uniform: Float[Tensor, "B R K"], strongest: int
) -> list[Int[Tensor, "B _"]]:
    """For each block the group 0..K-1 of each channel of each image, in any network (Fig. 5b, 10).

    As in CLFM, but of the maps themselves: its convolutions exist in training only. K-means numbers
    its clusters arbitrarily, so groups are put in the order of the mean height of their centroid,
    0 at the top of the face, to be comparable between images.
    """
    codes = [hard_code(pool(maps, features[-1]), strongest) for maps in features]
    k = uniform.shape[2]
    clusters = kmeans(codes[-1], uniform, ITERATIONS)
    centroids, occupied = group_means(codes[-1], clusters, k)
    height = centroids[..., 0::2].mean(-1).masked_fill(~occupied, torch.inf)  # rows grow downward
    order = height.argsort(dim=1, stable=True)
    centroids = centroids.gather(1, order.unsqueeze(-1).expand_as(centroids))
    occupied = occupied.gather(1, order)
    shallow = [assign(code, centroids, occupied) for code in codes[:-1]]
    return [*shallow, order.argsort(dim=1).gather(1, clusters)]
