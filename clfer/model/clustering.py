"""Batched K-means (eq. 2): Lloyd's algorithm on many point sets at once.

    clusters = kmeans(points, torch.rand(B, R, K), iterations=20)     # [B, N], 0..K-1
    centroids, occupied = group_means(points, clusters, K)            # [B, K, D], differentiable

Notation: B point sets of N points in D dimensions, K clusters, R restarts. The number of iterations
is fixed and nothing is read back to the host, so that a GPU never waits and `torch.compile` makes
one graph of it; a set that has converged stays as it is. All random numbers are handed in, so that
a set's clusters depend on its own points and draws alone.
"""

from importlib.util import find_spec

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

TRITON = find_spec("triton") is not None  # comes with PyTorch for NVIDIA's GPUs on Linux


@torch.no_grad()
def kmeans(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B R K"], iterations: int
) -> Int[Tensor, "B N"]:
    """Each point's cluster 0..K-1, from the restart of least inertia; starts are k-means++.

    uniform: the draws of the starts, in [0, 1). With fewer distinct points than K some clusters
    stay empty; nothing becomes infinite.
    """
    points = at_least_float32(points)
    points = points - points.mean(dim=1, keepdim=True)  # far from zero, squares lose precision
    if _fits_kernel(points):
        from clfer.model.lloyd_kernel import cluster

        clusters, inertia = cluster(points, uniform, iterations)
    else:
        clusters, inertia = lloyd(points, plus_plus(points, uniform), iterations)
    best = inertia.argmin(dim=1)[:, None, None].expand(-1, 1, points.shape[1])
    return clusters.gather(1, best).squeeze(1)


@torch.no_grad()
def lloyd(
    points: Float[Tensor, "B N D"], start: Float[Tensor, "B R K D"], iterations: int
) -> tuple[Int[Tensor, "B R N"], Float[Tensor, "B R"]]:
    """Each point's cluster after `iterations` from the centroids `start`, and the inertia: the sum
    of squared distances to the centroids.

    The e-th empty cluster is moved to the point that is e-th farthest from its own centroid.
    """
    points, centroids = at_least_float32(points), at_least_float32(start)
    own = points.square().sum(-1).unsqueeze(1)  # [B, 1, N]
    for _ in range(iterations):
        distance, member = _nearest(points, centroids)
        size = member.sum(-1, keepdim=True)  # [B, R, K, 1]
        means = (member.flatten(1, 2) @ points).view_as(centroids) / size.clamp(min=1)
        centroids = torch.where(size > 0, means, _farthest(points, distance + own, size == 0))
    distance, member = _nearest(points, centroids)
    number = torch.arange(start.shape[2], device=points.device, dtype=points.dtype)
    clusters = (member * number.unsqueeze(1)).sum(dim=2)  # on a CPU 50 times faster than argmax
    return clusters.long(), (distance + own).sum(-1)


@torch.no_grad()
def plus_plus(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B R K"]
) -> Float[Tensor, "B R K D"]:
    """K starting points of each set and restart by k-means++ (Arthur and Vassilvitskii 2007).

    The first is any point, each next one drawn with probability proportional to the squared
    distance from the nearest so far.
    """
    points = at_least_float32(points)
    count = points.shape[1]
    chosen = (uniform[..., 0] * count).long().clamp(max=count - 1)  # [B, R]
    start = [_take(points, chosen)]
    own = points.square().sum(-1).unsqueeze(1)  # [B, 1, N]
    nearest = torch.full_like(own, torch.inf)
    for draw in uniform[..., 1:].unbind(dim=2):
        square = own.gather(2, chosen.unsqueeze(1)).mT  # [B, R, 1]
        apart = torch.baddbmm(own + square, start[-1], points.mT, alpha=-2)
        nearest = torch.minimum(nearest, apart.clamp(min=0))  # [B, R, N]
        mass = nearest.cumsum(dim=2)
        below = mass <= draw.unsqueeze(2) * mass[..., -1:]
        chosen = below.sum(dim=2).clamp(max=count - 1)
        start.append(_take(points, chosen))
    return torch.stack(start, dim=2)


def group_means(
    points: Float[Tensor, "B N D"], group: Int[Tensor, "B N"], k: int
) -> tuple[Float[Tensor, "B {k} D"], Bool[Tensor, "B {k}"]]:
    """The mean of each group 0..k-1 (eq. 2 and 5), zero where it is empty, and whether it has a
    member. Points with another number belong to no group.
    """
    groups = torch.arange(k, device=group.device).unsqueeze(1)
    member = (group.unsqueeze(1) == groups).to(points.dtype)  # [B, K, N]
    size = member.sum(dim=2)
    return member @ points / size.clamp(min=1).unsqueeze(-1), size > 0


def _fits_kernel(points: Float[Tensor, "B N D"]) -> bool:
    """Whether `lloyd_kernel` can take each set in one go."""
    if not (points.is_cuda and points.dtype == torch.float32 and TRITON):
        return False
    from clfer.model.lloyd_kernel import fits

    return fits(points)


def at_least_float32(values: Tensor) -> Tensor:
    """Values in float32 or, where they are that, in float64."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def _nearest(
    points: Float[Tensor, "B N D"], centroids: Float[Tensor, "B R K D"]
) -> tuple[Float[Tensor, "B R N"], Float[Tensor, "B R K N"]]:
    """Squared distance to the nearest centroid, less the point's own square, and which centroid
    that is, one-hot (of equally near ones the first).

    Points stand last, since everything here compares centroids, element by element.
    """
    restarts, k = centroids.shape[1:3]
    square = centroids.flatten(1, 2).square().sum(-1, keepdim=True)  # [B, RK, 1]
    apart = torch.baddbmm(square, centroids.flatten(1, 2), points.mT, alpha=-2)
    apart = apart.unflatten(1, (restarts, k))
    least = apart.amin(dim=2, keepdim=True)
    rank = torch.arange(k, 0, -1, device=points.device, dtype=points.dtype).unsqueeze(1)
    tied = apart.eq_(least).mul_(rank)  # in place: a comparison that stays a float is much faster
    return least.squeeze(2), tied.eq_(tied.amax(dim=2, keepdim=True))


def _farthest(
    points: Float[Tensor, "B N D"], distance: Float[Tensor, "B R N"], empty: Bool[Tensor, "B R K 1"]
) -> Float[Tensor, "B R K D"]:
    """For the e-th empty cluster its e-th farthest point; what full clusters get is not used."""
    k = empty.shape[2]
    farthest = distance.topk(min(k, points.shape[1]), dim=2).indices
    rank = (empty.squeeze(3).cumsum(dim=2) - 1).clamp(0, farthest.shape[2] - 1)  # [B, R, K]
    chosen = farthest.gather(2, rank)
    return _take(points, chosen.flatten(1)).view(*chosen.shape, points.shape[2])


def _take(points: Float[Tensor, "B N D"], index: Int[Tensor, "B M"]) -> Float[Tensor, "B M D"]:
    return points.gather(1, index.unsqueeze(-1).expand(-1, -1, points.shape[-1]))
