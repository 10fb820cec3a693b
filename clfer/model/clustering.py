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
from torch.nn import functional as F

TRITON = find_spec("triton") is not None  # comes with PyTorch for NVIDIA's GPUs on Linux

FEW = 64  # points up to which two slow operators take no longer than five fast ones


@torch.no_grad()
def kmeans(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B R K"], iterations: int
) -> Int[Tensor, "B N"]:
    """Each point's cluster 0..K-1, from the restart of least inertia; starts are k-means++.

    uniform: the draws of the starts, in [0, 1). With fewer distinct points than K some clusters
    stay empty; nothing becomes infinite.
    """
    points = at_least_float32(points)
    uniform = uniform[..., : points.shape[1]]  # no more clusters than points
    points = points - points.mean(dim=1, keepdim=True)  # far from zero, squares lose precision
    if _fits_kernel(points):
        from clfer.model.lloyd_kernel import cluster

        clusters, inertia = cluster(points, uniform, iterations)
    else:
        clusters, inertia = lloyd(points, plus_plus(points, uniform), iterations)
    best = inertia.argmin(dim=1)[:, None, None].expand(-1, 1, points.shape[1])
    return clusters.gather(1, best).squeeze(1)


def lloyd(
    points: Float[Tensor, "B N D"], start: Float[Tensor, "B R K D"], iterations: int
) -> tuple[Int[Tensor, "B R N"], Float[Tensor, "B R"]]:
    """Each point's cluster after `iterations` from the centroids `start`, and the inertia: the sum
    of squared distances to the centroids.

    The e-th empty cluster is moved to the point that is e-th farthest from its own centroid. There
    are at most as many clusters as points.
    """
    k = start.shape[2]
    half = points.square().sum(-1, keepdim=True) / -2
    lifted = torch.cat([points, half], dim=2).mT
    points = F.pad(points, (0, 1), value=1.0)  # adds up to the sums and size of a cluster
    centroids = F.pad(start, (0, 1), value=1.0)
    nobody = points.new_zeros(*start.shape[:3], points.shape[1])
    rank = torch.arange(k, 0, -1, device=points.device, dtype=points.dtype).unsqueeze(1)
    wanted = torch.arange(1, -1, -1, device=points.device).view(2, 1, 1)
    for _ in range(iterations):
        distance, member = _nearest(_apart(lifted, centroids), nobody, rank)
        total = torch.bmm(member.flatten(1, 2), points).view_as(centroids)
        size = total[..., -1:]
        # The farthest go to the empty clusters in order, the others to the full ones of a second
        # copy, so that each set takes all of its K.
        copies = (total / size).unsqueeze(2).expand(-1, -1, 2, -1, -1)
        moved = torch.logical_xor(size.unsqueeze(2), wanted)
        farthest = _take(points, distance.topk(k, dim=2).indices)
        centroids = copies.masked_scatter(moved, farthest)[:, :, 0]
    distance, clusters = _apart(lifted, centroids).min(dim=2)
    return clusters, distance.sum(-1)


def plus_plus(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B R K"]
) -> Float[Tensor, "B R K D"]:
    """K starting points of each set and restart by k-means++ (Arthur and Vassilvitskii 2007).

    The first is any point, each next one drawn with probability proportional to the squared
    distance from the nearest so far.
    """
    count = points.shape[1]
    own = points.square().sum(-1, keepdim=True)
    lifted = torch.cat([points, own], dim=2)
    ended = torch.cat([lifted, lifted[:, -1:]], dim=1)  # where no mass is left, draws end behind it
    points = F.pad(points, (0, 1), value=-0.5).mT
    zero, nearest = own.new_zeros(()), own.new_full((), torch.inf)
    chosen = (uniform[..., 0] * count).long().clamp(max=count - 1)  # [B, R]
    start = [_take(ended, chosen)]
    for draw in uniform[..., 1:].unbind(dim=2):
        # |x - s|^2 = |x|^2 - 2 (s, |s|^2) (x, -1/2), and not below zero
        apart = torch.baddbmm(own.mT, start[-1], points, alpha=-2)
        nearest = apart.clamp(zero, nearest)  # [B, R, N]
        mass = nearest.cumsum(dim=2)
        chosen = torch.searchsorted(mass, draw.unsqueeze(2) * mass[..., -1:], right=True)
        start.append(_take(ended, chosen.squeeze(2)))
    return torch.stack(start, dim=2)[..., :-1]


def group_means(
    points: Float[Tensor, "B N D"], group: Int[Tensor, "B N"], k: int
) -> tuple[Float[Tensor, "B {k} D"], Bool[Tensor, "B {k}"]]:
    """The mean of each group 0..k-1 (eq. 2 and 5), zero where it is empty, and whether it has a
    member. Points with another number belong to no group.
    """
    member = group.unsqueeze(1) == torch.arange(k, device=group.device).unsqueeze(1)  # [B, K, N]
    size = member.sum(dim=2, keepdim=True, dtype=points.dtype)
    return torch.bmm(member / size.clamp(min=1), points), size.squeeze(2) > 0


def _fits_kernel(points: Float[Tensor, "B N D"]) -> bool:
    """Whether `lloyd_kernel` can take each set in one go."""
    if not has_kernel(points):
        return False
    from clfer.model.lloyd_kernel import fits

    return fits(points)


def has_kernel(values: Tensor) -> bool:
    """Whether Triton can take them."""
    return values.is_cuda and values.dtype == torch.float32 and TRITON


def at_least_float32(values: Tensor) -> Tensor:
    """Values in float32 or, where they are that, in float64."""
    return values if values.dtype == torch.float64 else values.to(torch.float32)


def _apart(
    lifted: Float[Tensor, "B D1 N"], centroids: Float[Tensor, "B R K D1"]
) -> Float[Tensor, "B R K N"]:
    """|c - x|^2 = |c|^2 - 2 (c, 1) (x, -|x|^2 / 2) of each centroid and point. The factors are what
    `centroids` and `lifted` hold. Points stand last, since whoever reads this compares centroids.
    """
    flat = centroids.flatten(1, 2)
    square = torch.bmm(flat[..., :-1], flat[..., :-1].mT).diagonal(dim1=1, dim2=2).unsqueeze(2)
    apart = torch.baddbmm(square, flat, lifted, alpha=-2)
    return apart.view(*centroids.shape[:3], -1)


def _nearest(
    apart: Float[Tensor, "B R K N"], nobody: Float[Tensor, "B R K N"], rank: Float[Tensor, "K 1"]
) -> tuple[Float[Tensor, "B R N"], Float[Tensor, "B R K N"]]:
    """Of each point the least distance, and one-hot whose that is (of equal ones the first).

    Overwrites `apart`. nobody: zeros; rank: descending.
    """
    if apart.shape[3] <= FEW:
        least, nearest = apart.min(dim=2, keepdim=True)
        return least.squeeze(2), nobody.scatter(2, nearest, 1.0)
    least = apart.amin(dim=2, keepdim=True)
    tied = apart.eq_(least).mul_(rank)  # in place: a comparison that stays a float is much faster
    return least.squeeze(2), tied.eq_(tied.amax(dim=2, keepdim=True))


def _take(points: Float[Tensor, "B N D"], index: Int[Tensor, "B *M"]) -> Float[Tensor, "B *M D"]:
    index = index.unsqueeze(-1).expand(*index.shape, points.shape[-1])
    return points.gather(1, index.flatten(1, -2)).view(index.shape)
