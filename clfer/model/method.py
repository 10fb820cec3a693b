"""The method as it is trained: a network, and the contrastive heads beside it (Fig. 2)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.backbone import Stem, load_weights
from clfer.model.batch_samples import BatchSampleContrast
from clfer.model.feature_maps import FeatureMapContrast
from clfer.model.network import Network
from clfer.model.variant import Variant
from clfer.randomness import seeded


class Contrast(nn.Module):
    """The contrastive losses of a variant (eq. 6 and 7), zero where it has none. Training only."""

    def __init__(self, channels: Sequence[int], classes: int, variant: Variant) -> None:
        super().__init__()
        self.clfm = FeatureMapContrast(channels, variant.clfm) if variant.clfm else None
        self.clbs = BatchSampleContrast(channels, classes, variant.clbs) if variant.clbs else None

    @property
    def draws(self) -> tuple[int, int]:
        """How many uniform draws the K-means starts take: per image (CLFM), per batch (CLBS)."""
        return (
            self.clfm.settings.k if self.clfm else 0,
            self.clbs.k if self.clbs else 0,
        )

    def forward(
        self,
        features: Sequence[Float[Tensor, "B _ _ _"]],
        labels: Int[Tensor, " B"],
        per_image: Float[Tensor, "B K_FM"],
        per_batch: Float[Tensor, " K_BS"],
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """(L_fm, L_bs), weighted by alpha and beta, in float32: to be called outside autocast."""
        used = {j for part in (self.clfm, self.clbs) if part for j in part.layers}
        pooled = {j: pool(features[j], features[-1]) for j in sorted(used)}
        zero = features[0].new_zeros((), dtype=torch.float32)
        return (
            self.clfm(pooled, per_image) if self.clfm else zero,
            self.clbs(pooled, labels, per_batch) if self.clbs else zero,
        )


def pool(
    features: Float[Tensor, "B C _ _"], deepest: Float[Tensor, "B _ H W"]
) -> Float[Tensor, "B C H W"]:
    """A block's maps averaged onto the deepest block's grid, in float32: made once for both losses,
    since a global average is the average of these.
    """
    height, width = deepest.shape[-2:]
    return F.adaptive_avg_pool2d(features, (height, width)).float()


def build(
    backbone: str, weights: str, stem: Stem, classes: int, variant: Variant, seed: int
) -> tuple[Network, Contrast]:
    """A network and its contrastive heads, initialised from `seed`.

    Each part draws from a stream of its own, so that the encoder of one seed starts the same in
    every variant.
    """
    with seeded(seed, "encoder"):
        network = Network(backbone, stem, classes, variant)
    channels = network.encoder.channels
    check_layers(len(channels) - 1, variant)
    with seeded(seed, "contrast"):
        contrast = Contrast(channels, classes, variant)
    load_weights(network.encoder, backbone, weights)
    return network, contrast


def check_layers(shallow: int, variant: Variant) -> None:
    """Raise InputError unless alpha and beta have one weight per shallow layer, at least one above
    zero.
    """
    given = {
        "clfm.alpha": variant.clfm.alpha if variant.clfm else None,
        "clbs.beta": variant.clbs.beta if variant.clbs else None,
    }
    for name, weights in given.items():
        if weights is not None and (len(weights) != shallow or not any(weights)):
            raise InputError(
                f"variants: {name}: expected {shallow} weights, one per shallow block, not all "
                f"zero; found {list(weights)}"
            )
