"""Batched K-means (eq. 2): Lloyd's iteration for many point sets at once, in tensor operations
only.

Notation: B point sets of N points in D dimensions, K clusters. The number of iterations is fixed
and nothing is read back to the host, so that a GPU never waits; a set that has converged stays as
it is, since equal assignments give equal centroids.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F


@torch.no_grad()
def kmeans(
    points: Float[Tensor, "B N D"], start: Float[Tensor, "B K D"], iterations: int
) -> Int[Tensor, "B N"]:
    """Each point's cluster 0..K-1 after `iterations` of Lloyd from the centroids `start`.

    An empty cluster is moved to the point that is farthest from its own centroid (the second empty
    one to the second farthest, and so on). With fewer distinct points than K some clusters stay
    empty; nothing becomes infinite. The centroids are `group_means(points, clusters, K)`,
    differentiable in the points.
    """
    points, centroids = points.float(), start.float()
    k = start.shape[1]
    for _ in range(iterations):
        distance, nearest = _distances(points, centroids).min(dim=-1)
        centroids, occupied = group_means(points, nearest, k)
        centroids = torch.where(
            occupied.unsqueeze(-1), centroids, _farthest(points, distance, occupied)
        )
    return _distances(points, centroids).argmin(dim=-1)


@torch.no_grad()
def plus_plus(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B K"]
) -> Float[Tensor, "B K D"]:
    """K starting points of each set by k-means++ (Arthur and Vassilvitskii 2007), one uniform draw
    in [0, 1) each.

    The first is any point, each next one drawn with probability proportional to the squared
    distance from the nearest so far. The draws are handed in so that a set's start does not depend
    on the others'.
    """
    points = points.float()
    count = points.shape[1]
    chosen = (uniform[:, :1] * count).long().clamp(max=count - 1)  # [B, 1]
    start = [_take(points, chosen)]
    nearest = torch.full(points.shape[:2], torch.inf, device=points.device)
    for draw in uniform[:, 1:].unbind(dim=1):
        nearest = torch.minimum(nearest, (points - start[-1]).square().sum(-1))
        mass = nearest.cumsum(dim=1)  # [B, N]
        chosen = (
            (mass <= draw.unsqueeze(1) * mass[:, -1:]).sum(dim=1, keepdim=True).clamp(max=count - 1)
        )
        start.append(_take(points, chosen))
    return torch.cat(start, dim=1)


def group_means(
    points: Float[Tensor, "B N D"], group: Int[Tensor, "B N"], k: int
) -> tuple[Float[Tensor, "B {k} D"], Bool[Tensor, "B {k}"]]:
    """The mean of each group (eq. 2 and 5) and whether it has a member; an empty group's mean is
    zero.
    """
    member = F.one_hot(group, k).to(points.dtype)  # [B, N, K]
    size = member.sum(dim=1)  # [B, K]
    return member.mT @ points / size.clamp(min=1).unsqueeze(-1), size > 0


def _distances(
    points: Float[Tensor, "B N D"], centroids: Float[Tensor, "B K D"]
) -> Float[Tensor, "B N K"]:
    """Squared Euclidean distances, less each point's own square, which no comparison of centroids
    needs.
    """
    square = centroids.square().sum(-1).unsqueeze(1)  # [B, 1, K]
    return torch.baddbmm(square, points, centroids.mT, alpha=-2)


def _farthest(
    points: Float[Tensor, "B N D"], distance: Float[Tensor, "B N"], occupied: Bool[Tensor, "B K"]
) -> Float[Tensor, "B K D"]:
    """For the e-th empty cluster of a set, its e-th farthest point; what full clusters get is not
    used.
    """
    count = min(occupied.shape[1], points.shape[1])
    farthest = (distance + points.square().sum(-1)).topk(count, dim=1).indices
    rank = ((~occupied).cumsum(dim=1) - 1).clamp(0, count - 1)  # [B, K]
    return _take(points, farthest.gather(1, rank))


def _take(points: Float[Tensor, "B N D"], index: Int[Tensor, "B M"]) -> Float[Tensor, "B M D"]:
    return points.gather(1, index.unsqueeze(-1).expand(-1, -1, points.shape[-1]))
