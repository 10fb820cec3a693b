"""Contributions of images to scores, against closed forms, the jackknife and the bootstrap."""

import numpy as np
import pytest

from clfer.scoring import sampling

CLASSES = 4


def drawn(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actual = rng.choice(CLASSES, images, p=[0.5, 0.3, 0.15, 0.05])
    noise = rng.choice(CLASSES, images)
    return actual, np.where(rng.uniform(size=images) < 0.7, actual, noise)


@pytest.mark.parametrize("classes", [CLASSES, CLASSES + 3])
@pytest.mark.parametrize("metric", sampling.METRICS)
def test_contributions_sum_to_zero_and_are_the_derivative(metric: str, classes: int) -> None:
    """Also where some classes have no image, of which one is predicted all the same."""
    score, influence = sampling.METRICS[metric]
    actual, predicted = drawn(2000, 3)
    if classes > CLASSES:
        predicted[::50] = CLASSES
    contributions = influence(actual, predicted, classes)
    assert contributions.sum() == pytest.approx(0, abs=1e-12)
    # Leaving one image out moves the score by minus its contribution, up to second order.
    whole = score(actual, predicted, classes)
    for image in range(0, 2000, 97):
        kept = np.delete(np.arange(2000), image)
        without = score(actual[kept], predicted[kept], classes)
        assert whole - without == pytest.approx(contributions[image], rel=0.05, abs=1e-7)


@pytest.mark.parametrize("metric", sampling.METRICS)
def test_standard_error_agrees_with_a_cluster_bootstrap(metric: str) -> None:
    score, influence = sampling.METRICS[metric]
    actual, predicted = drawn(600, 4)
    # The first 300 images are 100 groups of three copies.
    actual[:300], predicted[:300] = np.repeat(actual[:100], 3), np.repeat(predicted[:100], 3)
    group = np.concatenate([np.repeat(np.arange(100), 3), np.arange(100, 400)])
    found = sampling.standard_error(influence(actual, predicted, CLASSES), group)
    members = [np.flatnonzero(group == one) for one in range(400)]
    rng = np.random.default_rng(5)
    values = []
    for _ in range(600):
        take = np.concatenate([members[one] for one in rng.integers(0, 400, 400)])
        values.append(score(actual[take], predicted[take], CLASSES))
    assert found == pytest.approx(np.std(values), rel=0.12)


def test_accuracy_of_single_images_is_the_binomial() -> None:
    right = np.array([1] * 8 + [0] * 2)
    contributions = sampling.of_accuracy(np.ones(10, dtype=int), right, 2)
    variance = sampling.variance(contributions, np.arange(10))
    assert variance == pytest.approx(0.8 * 0.2 / 9)


def test_copies_of_every_image_count_once() -> None:
    actual, predicted = drawn(200, 6)
    single = sampling.variance(sampling.of_uar(actual, predicted, CLASSES), np.arange(200))
    twice = np.tile(actual, 2), np.tile(predicted, 2)
    copies = sampling.variance(sampling.of_uar(*twice, CLASSES), np.tile(np.arange(200), 2))
    assert copies == pytest.approx(single)


def test_one_group_has_no_spread() -> None:
    assert sampling.standard_error(np.zeros(3), np.array([7, 7, 7])) is None


def test_order_of_images_does_not_change_a_digit() -> None:
    """A product of BLAS does, by where its arrays lie, and then a tracked file changes its hash."""
    rng = np.random.default_rng(7)
    contributions, group = rng.normal(size=1000), np.arange(1000)
    order = [rng.permutation(1000) for _ in range(20)]
    found = {sampling.variance(contributions[one], group) for one in order}
    assert len(found) == 1
