"""SCN: what the Self-Cure Network does with the importance of each image (Wang et al., CVPR 2020),
the comparator of Table III.

Its first part, logits scaled by the importance, is in `Network`. Notation: B images, C classes.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from clfer.model.variant import SCN


def rank_regularisation(importance: Float[Tensor, " B"], scn: SCN) -> Float[Tensor, ""]:
    """weight * max(0, margin - (mean of the important images - mean of the others)).

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
    """The labels, those of unimportant images changed to the most probable class where that is more
    probable than the given one by more than the margin. Images without a label (-1) stay without.
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
