"""CLFM: contrastive learning based on feature maps (Sec. III-B1)."""

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor, nn

from clfer.errors import InputError
from clfer.model.clustering import group_means, kmeans
from clfer.model.contrast import agreement
from clfer.model.hashing import hard_code, soft_code
from clfer.model.variant import CLFM


class FeatureMapContrast(nn.Module):
    """The loss L_fm of eq. 6, averaged over the batch, from the features of all blocks.

    Each image's deep channels are clustered into K latent semantics; the channels of each shallow
    layer join the semantic whose centroid their code resembles most, and the two sides are pulled
    together.

    The paper does not say what its convolution is. Ours is 1 x 1 and applied after the pooling:
    both are linear and commute, and the maps are 16 times fewer numbers there (for the second
    block).
    """

    def __init__(self, channels: Sequence[int], settings: CLFM) -> None:
        super().__init__()
        self.settings = settings
        self.shallow = [j for j, alpha in enumerate(settings.alpha) if alpha > 0]
        self.layers = [*self.shallow, len(channels) - 1]
        self.convolutions = nn.ModuleDict(
            {str(j): nn.Conv2d(channels[j], channels[j], kernel_size=1) for j in self.layers}
        )

    def code(self, pooled: Float[Tensor, "B C H W"], layer: int) -> Float[Tensor, "B C fd"]:
        """g_j of eq. 1: the code of each channel of a block.

        Raises InputError where the maps have no more positions than the code names.
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
        """`pooled`: the blocks by number, each on the deepest one's grid, float32 (the coordinates
        of rounded maps would tie). `uniform` in [0, 1): the draws of each image's K-means starts.
        """
        deep = self.code(pooled[self.layers[-1]], self.layers[-1])
        if self.settings.detach_deep:
            deep = deep.detach()
        clusters = kmeans(deep.detach(), uniform, self.settings.iterations)
        centroids, occupied = group_means(deep, clusters, self.settings.k)
        loss = deep.new_zeros(())
        for j in self.shallow:
            matched = agreement(self.code(pooled[j], j), centroids, occupied)  # [B]
            loss = loss - self.settings.alpha[j] * matched.mean()
        return loss
