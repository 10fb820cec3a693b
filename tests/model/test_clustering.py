"""Batched K-means (eq. 2) against scikit-learn, and where scikit-learn would not go."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from clfer.model.clustering import group_means, kmeans, plus_plus


def inertia(points, clusters, k):
    """Sum of squared distances to the own centroid, set by set, in plain loops."""
    totals = []
    for one, group in zip(points.double().numpy(), clusters.numpy(), strict=True):
        members = [one[group == c] for c in range(k)]
        totals.append(sum(((m - m.mean(0)) ** 2).sum() for m in members if len(m)))
    return np.array(totals)


def random_points(seed, sets, count, dimensions, spread):
    """Points around random centers: from clearly clustered to shapeless."""
    random = np.random.default_rng(seed)
    centers = random.normal(size=(sets, 5, dimensions)) * spread
    chosen = random.integers(0, 5, size=(sets, count))
    noise = random.normal(size=(sets, count, dimensions))
    points = np.take_along_axis(centers, chosen[:, :, None], axis=1) + noise
    return torch.tensor(points, dtype=torch.float32)


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])
@pytest.mark.parametrize(("count", "dimensions", "k"), [(60, 2, 3), (128, 16, 4), (300, 8, 7)])
def test_inertia_agrees_with_scikit_learn_from_equal_starts(spread, count, dimensions, k):
    points = random_points(count + k, 12, count, dimensions, spread)
    start = plus_plus(points, torch.rand(12, k, generator=torch.Generator().manual_seed(0)))
    ours = inertia(points, kmeans(points, start, iterations=100), k)
    theirs = [
        KMeans(k, init=s.numpy(), n_init=1, max_iter=100, tol=0, algorithm="lloyd").fit(p).inertia_
        for p, s in zip(points.numpy(), start, strict=True)
    ]
    np.testing.assert_allclose(ours, theirs, rtol=0.02)


def test_more_iterations_never_raise_the_inertia():
    points = random_points(3, 20, 100, 4, 1.0)
    start = plus_plus(points, torch.rand(20, 5))
    steps = [inertia(points, kmeans(points, start, iterations=i), 5) for i in (1, 2, 4, 8, 16)]
    assert (np.diff(steps, axis=0) <= 1e-3).all()


def test_a_set_is_clustered_alike_alone_and_in_a_batch():
    points, draws = random_points(4, 6, 50, 3, 2.0), torch.rand(6, 4)
    together = kmeans(points, plus_plus(points, draws), 10)
    for i in range(6):
        one = points[i : i + 1]
        assert torch.equal(kmeans(one, plus_plus(one, draws[i : i + 1]), 10), together[i : i + 1])


def test_constant_points_and_fewer_distinct_points_than_clusters_stay_finite():
    constant = torch.full((2, 10, 3), 5.0)
    pair = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).repeat(1, 5, 1).view(1, 10, 2)
    for points in (constant, pair):
        start = plus_plus(points, torch.rand(len(points), 4))
        clusters = kmeans(points, start, 10)
        means, occupied = group_means(points, clusters, 4)
        assert start.isfinite().all()
        assert means.isfinite().all()
        assert (means[~occupied] == 0).all()
        np.testing.assert_allclose(inertia(points, clusters, 4), 0, atol=1e-6)


def test_an_empty_cluster_is_moved_to_a_far_point():
    points = torch.tensor([[[0.0], [0.1], [10.0], [10.1]]])
    start = torch.tensor([[[0.0], [1000.0]]])  # nothing is nearest to the second
    clusters = kmeans(points, start, 5)
    assert clusters[0, 0] == clusters[0, 1] != clusters[0, 2] == clusters[0, 3]


def test_plus_plus_starts_at_points_and_prefers_far_ones():
    points = torch.tensor([[[0.0], [0.001], [0.002], [100.0]]]).repeat(500, 1, 1)
    start = plus_plus(points, torch.rand(500, 2, generator=torch.Generator().manual_seed(0)))
    assert all(value in points[0] for value in start.flatten().unique())
    assert ((start == 100.0).any(dim=1)).float().mean() > 0.99


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 20), st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_group_means_are_the_means_of_the_groups(seed, k, count, dimensions):
    random = torch.Generator().manual_seed(seed)
    points = torch.randn(2, count, dimensions, generator=random, dtype=torch.float64)
    group = torch.randint(0, k, (2, count), generator=random)
    means, occupied = group_means(points, group, k)
    for b in range(2):
        for c in range(k):
            members = [points[b, n] for n in range(count) if group[b, n] == c]
            expected = sum(members) / len(members) if members else torch.zeros(dimensions)
            assert bool(occupied[b, c]) == bool(members)
            torch.testing.assert_close(means[b, c], expected, check_dtype=False)


def test_centroids_pass_gradient_to_their_members():
    points = torch.randn(1, 6, 2, requires_grad=True)
    means, _ = group_means(points, torch.tensor([[0, 0, 0, 1, 1, 1]]), 2)
    means[0, 0].sum().backward()
    torch.testing.assert_close(points.grad[0, :3], torch.full((3, 2), 1 / 3))
    assert (points.grad[0, 3:] == 0).all()
