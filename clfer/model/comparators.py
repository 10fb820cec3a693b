"""The comparators: SimSiam (Chen and He, CVPR 2021; Table II) and the Self-Cure Network (SCN; Wang
et al., CVPR 2020; Table III).

Notation: B images, C classes, D features.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from clfer.errors import InputError
from clfer.model.variant import SCN, SimSiam


class SiameseContrast(nn.Module):
    """SimSiam's loss (its eq. 2) times its weight, of two views of the same images.

    Each view is projected and predicts the other's projection, through which no gradient passes:
    otherwise all projections would become one. It needs no labels.
    """

    def __init__(self, width: int, settings: SimSiam) -> None:
        super().__init__()
        self.settings = settings
        fd, bottleneck = settings.fd, settings.bottleneck
        self.project = nn.Sequential(
            *_layer(width, width),
            *_layer(width, width),
            nn.Linear(width, fd, bias=False),
            nn.BatchNorm1d(fd, affine=False),
        )
        self.predict = nn.Sequential(*_layer(fd, bottleneck), nn.Linear(bottleneck, fd))

    def forward(
        self, first: Float[Tensor, "B D"], second: Float[Tensor, "B D"]
    ) -> Float[Tensor, ""]:
        """Raises InputError on a single image, which cannot be normalised over the batch."""
        if len(first) == 1:
            raise InputError(
                "variants: simsiam: expected at least 2 images in a batch, found 1; train on more"
            )
        z1, z2 = self.project(first), self.project(second)
        p1, p2 = self.predict(z1), self.predict(z2)
        both = F.cosine_similarity(p1, z2.detach()) + F.cosine_similarity(p2, z1.detach())
        return -self.settings.weight * both.mean() / 2


def _layer(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    linear = nn.Linear(inputs, outputs, bias=False)
    return linear, nn.BatchNorm1d(outputs), nn.ReLU(inplace=True)


def rank_regularisation(importance: Float[Tensor, " B"], scn: SCN) -> Float[Tensor, ""]:
    """SCN: weight * max(0, margin - (mean of the important images - mean of the others)).

    SCN balances it with the cross-entropy by gamma = 0.5 each, which is a weight of 1 here. A
    single image has no rank and costs nothing.
    """
    if len(importance) == 1:
        return torch.zeros_like(importance).sum()
    count = _important_count(len(importance), scn)
    ranked = importance.sort(descending=True).values
    gap = ranked[:count].mean() - ranked[count:].mean()
    return scn.weight * (scn.margin - gap).clamp(min=0)


@torch.no_grad()
def relabelled(
    labels: Int[Tensor, " B"],
    logits: Float[Tensor, "B C"],
    importance: Float[Tensor, " B"],
    scn: SCN,
) -> Int[Tensor, " B"]:
    """SCN: an unimportant image gets the most probable class where that is more probable than the
    given one by more than the margin. Images without a label (-1) stay without.
    """
    probability = logits.float().softmax(1)
    highest, likeliest = probability.max(dim=1)
    given = probability.gather(1, labels.clamp(min=0).unsqueeze(1)).squeeze(1)
    order = importance.argsort(descending=True, stable=True)
    important = torch.zeros_like(labels, dtype=torch.bool)
    important[order[: _important_count(len(labels), scn)]] = True
    doubted = ~important & (highest - given > scn.relabel_margin) & (labels >= 0)
    return torch.where(doubted, likeliest, labels)


def _important_count(images: int, scn: SCN) -> int:
    """How many of a batch are important: never none, and not all of several."""
    return max(min(round(scn.high * images), images - 1), 1)
