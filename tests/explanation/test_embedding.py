"""Points in the plane, and what is said of them."""

import numpy as np
import pytest

from clfer.explanation.embedding import NEIGHBOURS, alike, moments, tsne

RNG = np.random.default_rng(0)


def clusters(count=3, each=20, width=16):
    """Points around far centres, and which is whose."""
    label = np.repeat(np.arange(count), each)
    centres = 20 * np.eye(count, width)
    return (centres[label] + RNG.normal(size=(len(label), width))).astype(np.float32), label


def test_far_clusters_stay_apart_and_twice_is_the_same():
    points, label = clusters()
    plane = tsne(points, 0)
    assert np.array_equal(plane, tsne(points, 0))
    centres = np.stack([plane[label == k].mean(0) for k in range(3)])
    distance = np.linalg.norm(plane[:, None] - centres, axis=2)
    assert (distance.argmin(1) == label).all()


def test_few_points():
    for count in (2, 3, 5):
        assert np.isfinite(tsne(RNG.normal(size=(count, 4)).astype(np.float32), 0)).all()


def test_neighbours_of_the_same_label_against_a_loop():
    points = RNG.normal(size=(40, 3))
    label = RNG.integers(0, 3, 40)
    shares = []
    for i in range(40):
        near = sorted(
            (j for j in range(40) if j != i), key=lambda j: np.sum((points[j] - points[i]) ** 2)
        )
        shares.append(np.mean([label[j] == label[i] for j in near[:NEIGHBOURS]]))
    assert alike(points, label) == pytest.approx(np.mean(shares))
    points, label = clusters()
    assert alike(points, label) == 1
    assert alike(points[:3], np.array([0, 0, 1])) == pytest.approx(1 / 3)


def test_moments_are_spread_from_first_to_last():
    assert moments([9, 1, 3, 5], 4) == [1, 3, 5, 9]
    assert moments(list(range(1, 101)), 4) == [1, 34, 67, 100]
    assert moments([2], 4) == [2]
