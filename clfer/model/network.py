"""The network that predicts: encoder, representation, classifier (Fig. 2 without the contrast)."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.model.backbone import Encoder, Stem
from clfer.model.multiscale import MultiScale
from clfer.model.released import SIDE, ReleasedHead
from clfer.model.variant import Variant


class GlobalPool(nn.Module):
    """The backbone's own representation: the deepest features averaged over positions, [B, C_L]."""

    def forward(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B C"]:
        return F.adaptive_avg_pool2d(features[-1], 1).flatten(1)


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
