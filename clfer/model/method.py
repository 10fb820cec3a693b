"""The method as it is trained: a network, and the contrastive heads beside it (Fig. 2)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from clfer.model.backbone import Stem, load_weights
from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.clustering import at_least_float32
from clfer.model.comparators import SiameseContrast
from clfer.model.feature_maps import FeatureMapContrast
from clfer.model.multiscale import pool
from clfer.model.network import Network
from clfer.model.released import SEMANTICS, ReleasedContrast, ReleasedHead
from clfer.model.variant import Variant
from clfer.randomness import seeded


class Contrast(nn.Module):
    """The contrastive losses of a variant: CLFM, CLBS, SimSiam and those of the released code, as
    far as it has them. They exist in training only. A module whose layers all have weight zero is
    absent.
    """

    def __init__(self, network: Network, classes: int, variant: Variant, seed: int) -> None:
        super().__init__()
        channels = network.encoder.channels
        clfm, clbs, simsiam = variant.clfm, variant.clbs, variant.simsiam
        self.warmup = variant.warmup
        self.clfm = self.clbs = self.simsiam = self.released = None
        if clfm and any(clfm.alpha):
            with seeded(seed, "clfm"):
                self.clfm = FeatureMapContrast(channels, clfm)
        if clbs and any(clbs.beta):
            with seeded(seed, "clbs"):
                self.clbs = BatchSampleContrast(channels, classes, clbs)
        if simsiam:
            with seeded(seed, "simsiam"):
                self.simsiam = SiameseContrast(network.width, simsiam)
        if isinstance(head := network.representation, ReleasedHead) and head.settings.contrast:
            with seeded(seed, "released"):
                self.released = ReleasedContrast(head.scaled, classes, head.settings)

    @property
    def draws(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Restarts and clusters of the K-means of each image (CLFM) and of the batch (CLBS), which
        take one uniform draw each.
        """
        if self.released:
            return (1, SEMANTICS), (1, self.released.k)
        return (
            (self.clfm.settings.restarts, self.clfm.settings.k) if self.clfm else (0, 0),
            (self.clbs.settings.restarts, self.clbs.k) if self.clbs else (0, 0),
        )

    def forward(
        self,
        features: Sequence[Float[Tensor, "B _ _ _"]],
        labels: Int[Tensor, " B"],
        per_image: Float[Tensor, "B R_FM K_FM"],
        per_batch: Float[Tensor, "R_BS K_BS"],
        views: Sequence[Float[Tensor, "B D"]],
    ) -> tuple[dict[str, Float[Tensor, ""]], dict[str, Float[Tensor, ""]]]:
        """The weighted losses by name (eq. 6 and 7), in float32, and what else is recorded:
        `groups_bs`, the number of groups that CLBS's shallow samples join. To be called outside
        autocast.

        views: the representations of each view of the images (SimSiam needs two).
        """
        used = {j for part in (self.clfm, self.clbs) if part for j in part.layers}
        pooled = {j: pool(features[j], features[-1]) for j in sorted(used)}
        losses, recorded = {}, {}
        if self.clfm:
            losses["loss_fm"] = self.clfm(pooled, per_image)
        if self.clbs:
            losses["loss_bs"], recorded["groups_bs"] = self.clbs(pooled, labels, per_batch)
        if self.simsiam:
            losses["loss_sim"] = self.simsiam(*map(at_least_float32, views))
        if self.released:
            losses |= self.released(features, per_image, per_batch)
        return losses, recorded


def build(
    backbone: str, weights: str, stem: Stem, classes: int, variant: Variant, seed: int
) -> tuple[Network, Contrast]:
    """A network and its contrastive heads, initialised from `seed`.

    Each part draws from a stream of its own, so that what two variants share starts the same in
    both.
    """
    with seeded(seed, "encoder"):
        network = Network(backbone, stem, classes, variant)
    contrast = Contrast(network, classes, variant, seed)
    load_weights(network.encoder, backbone, weights)
    return network, contrast


@torch.no_grad()
def noise_loss(
    backbone: str, stem: Stem, size: int, variant: Variant, images: int = 64
) -> float | None:
    """CLFM's weighted loss before training with Gaussian noise as every block's features, for
    images of size x size: what its value has to be held against. None without CLFM.
    """
    network, contrast = build(backbone, "none", stem, 2, variant, seed=0)
    if contrast.clfm is None:
        return None
    with seeded(0, "noise"):
        features = network.features(torch.zeros(images, 3, size, size))
        noise = [torch.randn_like(maps) for maps in features]
        draws = torch.rand(images, *contrast.draws[0])
    pooled = {j: pool(noise[j], noise[-1]) for j in contrast.clfm.layers}
    return float(contrast.clfm(pooled, draws))
