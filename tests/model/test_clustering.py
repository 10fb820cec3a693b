"""Batched K-means (eq. 2) against plain loops and scikit-learn, and where these would not go."""

import numpy as np
import pytest
import references
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from references import draws
from sklearn.cluster import KMeans

from clfer.model.clustering import group_means, kmeans, lloyd, plus_plus


def random_points(seed, sets, count, dimensions, spread):
    """Points around five random centers: from clearly clustered to shapeless.

    They lie on a fine grid, so that equal distances are equal however they are summed.
    """
    random = np.random.default_rng(seed)
    centers = random.normal(size=(sets, 5, dimensions)) * spread
    chosen = random.integers(0, 5, size=(sets, count))
    noise = random.normal(size=(sets, count, dimensions))
    points = np.take_along_axis(centers, chosen[:, :, None], axis=1) + noise
    return torch.tensor(np.round(points * 2**16) / 2**16)


def together(clusters):
    """Which points share a cluster: restarts may find the same clusters numbered in other ways, and
    rounding then decides which restart is the best.
    """
    return clusters.unsqueeze(-1) == clusters.unsqueeze(-2)


sizes = {
    "seed": st.integers(0, 2**31),
    "sets": st.integers(1, 3),
    "restarts": st.integers(1, 3),
    "k": st.integers(1, 4),
    "dimensions": st.integers(1, 4),
    "iterations": st.integers(1, 6),
}


@given(**sizes, misplaced=st.booleans())
@settings(max_examples=40)
def test_lloyd_is_the_plain_loop(seed, sets, restarts, k, dimensions, iterations, misplaced):
    """The same cluster of every point, also from starts that leave clusters empty."""
    points = random_points(seed, sets, 5 * k, dimensions, 2.0)
    start = random_points(seed + 1, sets, restarts * k, dimensions, 2.0)
    start = start.view(sets, restarts, k, dimensions)
    if misplaced:
        start[:, :, k // 2 :] += 50
    clusters, total = lloyd(points, start, iterations)
    for b in range(sets):
        for r in range(restarts):
            expected, least = references.lloyd(points[b].numpy(), start[b, r].numpy(), iterations)
            np.testing.assert_array_equal(clusters[b, r], expected)
            assert float(total[b, r]) == pytest.approx(least, rel=1e-9, abs=1e-9)


@given(**sizes)
@settings(max_examples=40)
def test_plus_plus_is_the_plain_loop(seed, sets, restarts, k, dimensions, iterations):
    points, uniform = random_points(seed, sets, 3 * k, dimensions, 2.0), draws(seed, 3, restarts, k)
    start = plus_plus(points, uniform[:sets])
    for b in range(sets):
        for r in range(restarts):
            expected = references.plus_plus(points[b].numpy(), uniform[b, r].numpy())
            np.testing.assert_array_equal(start[b, r], expected)


@given(**sizes)
@settings(max_examples=40)
def test_kmeans_is_the_plain_loop(seed, sets, restarts, k, dimensions, iterations):
    points = random_points(seed, sets, 4 * k, dimensions, 2.0)
    uniform = draws(seed, sets, restarts, k)
    clusters = kmeans(points, uniform, iterations)
    for b in range(sets):
        expected = references.kmeans(points[b].numpy(), uniform[b].numpy(), iterations)
        assert torch.equal(together(clusters[b]), together(torch.tensor(expected)))


@pytest.mark.parametrize(
    ("count", "dimensions", "k", "spread"), [(60, 2, 3, 0.0), (128, 16, 4, 1.0), (300, 8, 7, 5.0)]
)
def test_inertia_agrees_with_scikit_learn_from_equal_starts(count, dimensions, k, spread):
    points = random_points(count + k, 12, count, dimensions, spread)
    start = plus_plus(points, draws(0, 12, 1, k))
    _, ours = lloyd(points, start, iterations=100)
    theirs = [
        KMeans(k, init=s.numpy(), n_init=1, max_iter=100, tol=0, algorithm="lloyd").fit(p).inertia_
        for p, s in zip(points.numpy(), start[:, 0], strict=True)
    ]
    np.testing.assert_allclose(ours[:, 0], theirs, rtol=1e-9)


@pytest.mark.parametrize("far", [1e4, -3e4])
def test_single_precision_points_far_from_zero_are_clustered_as_in_double_precision_near_it(far):
    points, uniform = random_points(6, 8, 80, 4, 4.0), draws(6, 8, 2, 5)
    near = kmeans(points, uniform, 20)
    away = kmeans((points + far).float(), uniform.float(), 20)
    assert torch.equal(together(away), together(near))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_points_and_fewer_distinct_points_than_clusters_stay_finite(dtype):
    constant = torch.full((2, 10, 3), 5.0, dtype=dtype)
    pair = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=dtype).repeat(1, 5, 1).view(1, 10, 2)
    single = torch.tensor([[[1.0, 2.0]]], dtype=dtype)
    for points in (constant, pair, single):
        uniform = draws(0, len(points), 2, 4)
        assert plus_plus(points, uniform).isfinite().all()
        clusters = kmeans(points, uniform, 10)
        means, occupied = group_means(points, clusters, 4)
        assert means.isfinite().all()
        assert (means[~occupied] == 0).all()
        own = means.gather(1, clusters.unsqueeze(2).expand_as(points))
        torch.testing.assert_close(own, points)


def test_a_draw_of_zero_starts_apart_from_the_points_so_far():
    points = torch.tensor([[[0.0], [0.0], [3.0], [5.0]]])
    assert plus_plus(points, torch.zeros(1, 1, 3)).flatten().tolist() == [0, 3, 5]


def test_an_equally_near_point_belongs_to_the_first_centroid():
    points = torch.tensor([[[0.0, 0.0], [2.0, 0.0], [1.0, 0.0], [1.0, 5.0]]])
    start = torch.tensor([[[[1.0, 0.0], [0.0, 0.0], [2.0, 0.0], [1.0, 0.0]]]])
    assert lloyd(points, start, 0)[0].flatten().tolist() == [1, 2, 0, 0]


@pytest.mark.parametrize("many", [3, 100])
def test_the_second_of_two_equal_centroids_is_empty_and_moved(many):
    points = torch.tensor([0.0] * many + [2.0] * many + [1.0]).view(1, -1, 1)
    clusters, _ = lloyd(points, torch.tensor([0.0, 2.0, 0.0]).view(1, 1, 3, 1), 1)
    assert clusters.flatten().tolist() == [0] * many + [1] * many + [2]


@given(
    seed=st.integers(0, 2**31),
    sets=st.integers(1, 3),
    k=st.integers(1, 6),
    count=st.integers(1, 20),
    dimensions=st.integers(1, 4),
)
@settings(max_examples=60)
def test_group_means_are_the_means_of_the_groups(seed, sets, k, count, dimensions):
    """Of groups 0..k-1; a point of group -1 or k counts nowhere."""
    random = torch.Generator().manual_seed(seed)
    points = torch.randn(sets, count, dimensions, generator=random, dtype=torch.float64)
    group = torch.randint(-1, k + 1, (sets, count), generator=random)
    means, occupied = group_means(points, group, k)
    for b in range(sets):
        expected = references.group_means(points[b].numpy(), group[b].tolist(), k)
        assert occupied[b].tolist() == [mean is not None for mean in expected]
        for found, mean in zip(means[b], expected, strict=True):
            np.testing.assert_allclose(found, np.zeros(dimensions) if mean is None else mean)


@pytest.mark.parametrize(
    "reads",
    [lambda x: float(x.sum()), lambda x: x[x > 0], lambda x: torch.equal(x, x), torch.unique],
)
def test_what_would_make_the_host_wait_is_noticed(no_host_reads, reads):
    with pytest.raises(AssertionError, match="makes the host wait"), no_host_reads():
        reads(torch.randn(3))
