"""The method (Fig. 2): the network that predicts, and the contrastive heads trained beside it."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.model.backbone import Encoder, Stem, load_weights
from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.clustering import at_least_float32
from clfer.model.comparators import SiameseContrast
from clfer.model.feature_maps import FeatureMapContrast
from clfer.model.multiscale import MultiScale, pool
from clfer.model.released import SEMANTICS, SIDE, ReleasedContrast, ReleasedHead
from clfer.model.variant import Variant
from clfer.randomness import seeded

NOISE = 64  # images of noise


class Network(nn.Module):
    """Logits [B, classes] of images [B, 3, H, W].

    Training takes the steps one by one, since its losses need what is between them. With `scn` each
    image's logits are scaled by its importance, as in the Self-Cure Network: the prediction stays,
    its confidence changes.
    """

    def __init__(self, backbone: str, stem: Stem, classes: int, variant: Variant) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, stem)
        channels = self.encoder.channels
        self.representation: nn.Module
        if variant.msr:
            self.representation, self.width = MultiScale(channels, variant.msr), variant.msr.fd
        elif variant.released:
            self.representation, self.width = ReleasedHead(channels, variant.released), SIDE**2
        else:
            self.representation, self.width = GlobalPool(), channels[-1]
        self.classifier = nn.Linear(self.width, classes)
        self.attention = nn.Linear(self.width, 1) if variant.scn else None

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B classes"]:
        return self.classify(self.represent(self.features(images)))

    def features(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        """f_1..f_L."""
        features: list[Tensor] = self.encoder(images)
        return features

    def represent(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B D"]:
        """F_i of eq. 9, the pooled deepest features, or the released code's vector."""
        vectors: Tensor = self.representation(features)
        return vectors

    def classify(self, vectors: Float[Tensor, "B D"]) -> Float[Tensor, "B classes"]:
        logits: Tensor = self.classifier(vectors)
        return logits if self.attention is None else logits * self.importance(vectors).unsqueeze(1)

    def importance(self, vectors: Float[Tensor, "B D"]) -> Float[Tensor, " B"]:
        """How far the Self-Cure Network trusts each image, in (0, 1); 1 without it."""
        if self.attention is None:
            return vectors.new_ones(len(vectors))
        return torch.sigmoid(self.attention(vectors)).squeeze(1)


class GlobalPool(nn.Module):
    """The backbone's own representation: the deepest features averaged over positions, [B, C_L]."""

    def forward(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B C"]:
        return F.adaptive_avg_pool2d(features[-1], 1).flatten(1)


class Contrast(nn.Module):
    """The contrastive losses of a variant: CLFM, CLBS, SimSiam and those of the released code, as
    far as it has them. They exist in training only. A module whose layers all have weight zero is
    absent.
    """

    def __init__(self, network: Network, classes: int, variant: Variant, seed: int) -> None:
        super().__init__()
        channels = network.encoder.channels
        clfm, clbs = variant.clfm, variant.clbs
        self.warmup = variant.warmup
        self.clfm = self.clbs = self.simsiam = self.released = None
        if clfm and any(clfm.alpha):
            with seeded(seed, "clfm"):
                self.clfm = FeatureMapContrast(channels, clfm)
        if clbs and any(clbs.beta):
            with seeded(seed, "clbs"):
                self.clbs = BatchSampleContrast(channels, classes, clbs)
        if variant.simsiam:
            with seeded(seed, "simsiam"):
                self.simsiam = SiameseContrast(network.width, variant.simsiam)
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
def noise_loss(backbone: str, stem: Stem, size: int, variant: Variant) -> float | None:
    """CLFM's weighted loss before training with Gaussian noise as every block's features, for
    images of size x size: what its value has to be held against. None without CLFM.
    """
    network, contrast = build(backbone, "none", stem, 2, variant, seed=0)
    if contrast.clfm is None:
        return None
    with seeded(0, "noise"):
        features = network.features(torch.zeros(NOISE, 3, size, size))
        noise = [torch.randn_like(maps) for maps in features]
        draws = torch.rand(NOISE, *contrast.draws[0])
    pooled = {j: pool(noise[j], noise[-1]) for j in contrast.clfm.layers}
    return float(contrast.clfm(pooled, draws))
