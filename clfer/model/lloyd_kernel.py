"""K-means of many small point sets on a GPU: one Triton program a set, its points in registers.

It computes what `clfer.model.clustering` computes in tensor operations, of which each iteration
takes twenty. Distances are sums of squared differences, not taken from squares and products, so
that near ties can come out differently.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-def, no-untyped-call"

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

LARGEST = 2**14  # numbers in a padded set; beyond it, tensor operations are faster


def fits(points: Float[Tensor, "B N D"]) -> bool:
    """Whether one program can hold a set."""
    rows, columns = (triton.next_power_of_2(length) for length in points.shape[1:])
    return bool(rows * columns <= LARGEST)


def cluster(
    points: Float[Tensor, "B N D"], uniform: Float[Tensor, "B R K"], iterations: int
) -> tuple[Int[Tensor, "B R N"], Float[Tensor, "B R"]]:
    """Each point's cluster and the inertia, of every restart: k-means++ starts, then Lloyd."""
    points, uniform = points.contiguous(), uniform.contiguous()
    sets, count, size = points.shape
    restarts, k = uniform.shape[1:]
    clusters = torch.empty(sets, restarts, count, dtype=torch.int64, device=points.device)
    inertia = torch.empty(sets, restarts, dtype=torch.float32, device=points.device)
    # sides of a block are powers of two
    rows, columns = triton.next_power_of_2(count), triton.next_power_of_2(size)
    _cluster[(sets, restarts)](
        points,
        uniform,
        clusters,
        inertia,
        count,
        size,
        restarts,
        iterations,
        K=k,
        CENTROIDS=triton.next_power_of_2(k),
        ROWS=rows,
        COLUMNS=columns,
        num_warps=max(min(rows * columns // 2048, 16), 1),
    )
    return clusters, inertia


@triton.jit
def _cluster(
    points,
    uniform,
    clusters,
    inertia,
    count,
    size,
    restarts,
    iterations,
    K: tl.constexpr,
    CENTROIDS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """One set and restart. Rows of a block are read and written by masks: Triton cannot index into
    registers.
    """
    one, restart = tl.program_id(0), tl.program_id(1)
    row, column, number = tl.arange(0, ROWS), tl.arange(0, COLUMNS), tl.arange(0, CENTROIDS)
    real = row < count
    place = row[:, None] * size + column[None, :]
    inside = real[:, None] & (column[None, :] < size)
    x = tl.load(points + one * count * size + place, mask=inside, other=0.0)
    draws = uniform + (one * restarts + restart) * K

    # k-means++: any point, then each with probability proportional to its squared distance
    chosen = tl.minimum((tl.load(draws) * count).to(tl.int32), count - 1)
    centroid = _row(x, row, chosen)
    centroids = tl.where(number[:, None] == 0, centroid[None, :], 0.0)
    nearest = _apart(x, centroid)
    for n in tl.static_range(1, K):
        mass = tl.cumsum(tl.where(real, nearest, 0.0), 0)
        total = tl.sum(tl.where(real, nearest, 0.0), 0)
        below = real & (mass <= tl.load(draws + n) * total)
        chosen = tl.minimum(tl.sum(below.to(tl.int32), 0), count - 1)
        centroid = _row(x, row, chosen)
        centroids = tl.where(number[:, None] == n, centroid[None, :], centroids)
        nearest = tl.minimum(nearest, _apart(x, centroid))

    for _ in range(iterations):
        distance, group = _nearest(x, centroids, number, K, ROWS)
        members = tl.zeros([CENTROIDS], tl.float32)
        for n in tl.static_range(K):
            own = real & (group == n)
            many = tl.sum(own.to(tl.float32), 0)
            mean = tl.sum(tl.where(own[:, None], x, 0.0), 0) / tl.maximum(many, 1.0)
            centroids = tl.where(number[:, None] == n, mean[None, :], centroids)
            members = tl.where(number == n, many, members)
        if tl.min(tl.where(number < K, members, 1.0), 0) < 0.5:
            # an empty cluster moves to the farthest point that none has moved to
            distance = tl.where(real, distance, float("-inf"))
            for n in tl.static_range(K):
                held = tl.sum(tl.where(number == n, members, 0.0), 0)
                farthest = tl.argmax(distance, 0)
                moved = tl.where(held > 0.5, -1, n)
                point = _row(x, row, farthest)
                centroids = tl.where(number[:, None] == moved, point[None, :], centroids)
                taken = tl.where(held > 0.5, -1, farthest)
                distance = tl.where(row == taken, float("-inf"), distance)

    distance, group = _nearest(x, centroids, number, K, ROWS)
    where = one * restarts + restart
    tl.store(clusters + where * count + row, group.to(tl.int64), mask=real)
    tl.store(inertia + where, tl.sum(tl.where(real, distance, 0.0), 0))


@triton.jit
def _row(x, row, index):
    return tl.sum(tl.where(row[:, None] == index, x, 0.0), 0)


@triton.jit
def _apart(x, centroid):
    away = x - centroid[None, :]
    return tl.sum(away * away, 1)


@triton.jit
def _nearest(x, centroids, number, K: tl.constexpr, ROWS: tl.constexpr):
    """Squared distance to the nearest centroid and its number, of equally near ones the first."""
    least = tl.full([ROWS], float("inf"), tl.float32)
    group = tl.zeros([ROWS], tl.int32)
    for n in tl.static_range(K):
        apart = _apart(x, tl.sum(tl.where(number[:, None] == n, centroids, 0.0), 0))
        group = tl.where(apart < least, n, group)
        least = tl.minimum(least, apart)
    return least, group
