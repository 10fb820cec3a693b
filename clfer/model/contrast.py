"""Agreement of shallow layers with the deepest one, group by group: what CLFM and CLBS share (eq.
3-6).

Notation: B sets (images for CLFM, the one batch for CLBS), N shallow vectors, D dimensions, K
groups.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from clfer.model.clustering import group_means

SMALLEST = 1e-6  # length up to which a vector counts as zero


def unit(vectors: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch D"]:
    """Vectors of length one. A zero vector stays zero and passes no gradient."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / F.threshold(length, SMALLEST, torch.inf)


class Cosine(torch.autograd.Function):
    """The cosine of two vectors [B, D] each, in a fourth of the operations that autograd takes. A
    zero vector has a cosine of zero with any other and passes no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, one: Float[Tensor, "B D"], other: Float[Tensor, "B D"]
    ) -> Float[Tensor, " B"]:
        pair = torch.stack([one, other], dim=1)
        length = torch.linalg.vector_norm(pair, dim=2, keepdim=True)
        length = F.threshold(length, SMALLEST, torch.inf)
        scaled = pair / length
        cosine = torch.bmm(scaled[:, :1], scaled[:, 1:].mT)  # [B, 1, 1]
        ctx.save_for_backward(scaled, length, cosine)
        return cosine.flatten()

    @staticmethod
    def backward(ctx: Any, gradient: Float[Tensor, " B"]) -> tuple[Tensor, ...]:
        scaled, length, cosine = ctx.saved_tensors
        across = torch.addcmul(scaled.flip(1), cosine, scaled, value=-1)
        slope: Tensor = across * (gradient.view_as(cosine) / length)
        return slope.unbind(1)


@torch.no_grad()
def assign(
    shallow: Float[Tensor, "B N D"],
    centroids: Float[Tensor, "B K D"],
    occupied: Bool[Tensor, "B K"],
) -> Int[Tensor, "B N"]:
    """The occupied centroid of highest cosine for each shallow vector (eq. 3-4)."""
    barred = occupied.log().to(shallow.dtype).unsqueeze(1)  # zero or -inf
    return torch.baddbmm(barred, shallow, F.normalize(centroids, dim=-1).mT).argmax(dim=-1)


def agreement(
    shallow: Float[Tensor, "B N D"],
    centroids: Float[Tensor, "B K D"],
    group: Int[Tensor, "B N"],
) -> tuple[Float[Tensor, " B"], Bool[Tensor, "B K"]]:
    """Cosine in [-1, 1] between the shallow group means and the deep centroids, both flattened (eq.
    3-6), and which groups a shallow vector joins.

    group: of each shallow vector, below 0: none; in the paper that of `assign`.

    A group without a shallow vector must not count as a match: its mean is zero while the centroid
    keeps its full length, so that it lowers the cosine. (The released code puts the centroid itself
    there, which scores 1; leaving both out would let a single matching group score 1.)
    """
    means, joined = group_means(shallow, group, centroids.shape[1])
    return Cosine.apply(means.flatten(1), centroids.flatten(1)), joined


def nearest_cosine(
    shallow: Float[Tensor, "B N D"],
    centroids: Float[Tensor, "B K D"],
    occupied: Bool[Tensor, "B K"],
) -> Float[Tensor, "B N"]:
    """Cosine of each shallow vector with the occupied centroid that it resembles most. Not in the
    paper, which averages a group's vectors first: the mean of vectors chosen for resembling a
    centroid resembles it whatever they are.
    """
    cosine = unit(shallow) @ unit(centroids).mT
    return cosine.masked_fill(~occupied.unsqueeze(1), -torch.inf).amax(dim=-1)


def log_likelihood(
    shallow: Float[Tensor, "B N D"],
    centroids: Float[Tensor, "B K D"],
    occupied: Bool[Tensor, "B K"],
    group: Int[Tensor, "B N"],
    temperature: float,
) -> Float[Tensor, " B"]:
    """Mean over the vectors of a group (below 0: none) of log softmax(cosine / temperature) over
    the occupied centroids, at its own. Not in the paper: the other centroids are negatives, as in
    Li et al., "Prototypical Contrastive Learning of Unsupervised Representations", ICLR 2021.
    """
    logits = unit(shallow) @ unit(centroids).mT / temperature
    logits = logits.masked_fill(~occupied.unsqueeze(1), torch.finfo(logits.dtype).min)
    own = logits.log_softmax(dim=-1).gather(2, group.clamp(min=0).unsqueeze(2)).squeeze(2)
    grouped = group >= 0
    return (own * grouped).sum(dim=1) / grouped.sum(dim=1).clamp(min=1)
