"""What predicts: encoder, representation, classifier (Fig. 2 without its contrastive heads)."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.model.backbone import Encoder, Stem
from clfer.model.multiscale import MultiScale
from clfer.model.variant import Variant


class GlobalPool(nn.Module):
    """The backbone's own representation: the deepest features averaged over positions, [B, C_L]."""

    def forward(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B C"]:
        return F.adaptive_avg_pool2d(features[-1], 1).flatten(1)


class Network(nn.Module):
    """Logits [B, classes] of images [B, 3, H, W]: encoder, representation (MSR or pooling),
    classifier.

    This is all there is at prediction. `features` and `classify` are apart so that training can
    hand the features to the contrastive losses.
    """

    def __init__(self, backbone: str, stem: Stem, classes: int, variant: Variant) -> None:
        super().__init__()
        self.encoder = Encoder(backbone, stem)
        channels = self.encoder.channels
        self.representation = MultiScale(channels, variant.msr.fd) if variant.msr else GlobalPool()
        self.classifier = nn.Linear(variant.msr.fd if variant.msr else channels[-1], classes)

    def features(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B _ _ _"]]:
        features: list[Tensor] = self.encoder(images)
        return features

    def classify(self, features: Sequence[Float[Tensor, "B _ _ _"]]) -> Float[Tensor, "B classes"]:
        logits: Tensor = self.classifier(self.representation(features))
        return logits

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> Float[Tensor, "B classes"]:
        return self.classify(self.features(images))
