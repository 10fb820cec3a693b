"""Scores of classes by closed forms; contributions of images to scores against the jackknife and
the bootstrap. Wilson's interval by hand is in test_known_answers.py.
"""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clfer.scoring import counts

CLASSES = 4
LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=60)
@given(LABELS)
@example([(0, 0)] * 7)
@example([(0, 0), (0, 0), (1, 1)])
@pytest.mark.filterwarnings("error")
def test_scores_follow_from_the_confusion_counts(labels: list[tuple[int, int]]) -> None:
    """Whatever classes are absent; no warning is raised."""
    actual, predicted = np.array(labels).T
    table = counts.confusion(actual, predicted, 6)
    right, images, chosen = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    assert table.sum() == len(labels)
    found = counts.per_class(actual, predicted, 6)
    np.testing.assert_array_equal(found.support, images)
    assert found.support.dtype == np.int64
    np.testing.assert_allclose(found.recall, right / np.maximum(images, 1), atol=1e-12)
    np.testing.assert_allclose(found.precision, right / np.maximum(chosen, 1), atol=1e-12)
    f1 = 2 * right / np.maximum(images + chosen, 1)
    np.testing.assert_allclose(found.f1, f1, atol=1e-12)
    assert counts.accuracy(table) == (actual == predicted).mean()
    # UAR is over the classes with images, macro-F1 over those that occur on either side.
    uar = found.recall[images > 0].mean()
    assert counts.uar(actual, predicted, 6) == pytest.approx(uar, abs=1e-12)
    macro = f1[images + chosen > 0].mean()
    assert counts.macro_f1(actual, predicted, 6) == pytest.approx(macro, abs=1e-12)
    chance = images @ chosen / len(labels) ** 2
    kappa = 0 if chance == 1 else (counts.accuracy(table) - chance) / (1 - chance)
    assert counts.kappa(actual, predicted) == pytest.approx(kappa, abs=1e-12)


@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share_and_mirrors(total: int, part: float) -> None:
    right = round(part * total)
    low, high = counts.wilson(right, total)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1
    mirror = counts.wilson(total - right, total)
    assert mirror == pytest.approx((1 - high, 1 - low))


def drawn(images: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    actual = rng.choice(CLASSES, images, p=[0.5, 0.3, 0.15, 0.05])
    noise = rng.choice(CLASSES, images)
    return actual, np.where(rng.uniform(size=images) < 0.7, actual, noise)


@pytest.mark.parametrize("classes", [CLASSES, CLASSES + 3])
@pytest.mark.parametrize("metric", counts.METRICS)
def test_contributions_sum_to_zero_and_are_the_derivative(metric: str, classes: int) -> None:
    """Also where some classes have no image, of which one is predicted all the same."""
    score, influence = counts.METRICS[metric]
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


@pytest.mark.parametrize("metric", counts.METRICS)
def test_standard_error_agrees_with_a_cluster_bootstrap(metric: str) -> None:
    score, influence = counts.METRICS[metric]
    actual, predicted = drawn(600, 4)
    # The first 300 images are 100 groups of three copies.
    actual[:300], predicted[:300] = np.repeat(actual[:100], 3), np.repeat(predicted[:100], 3)
    group = np.concatenate([np.repeat(np.arange(100), 3), np.arange(100, 400)])
    found = np.sqrt(counts.variance(influence(actual, predicted, CLASSES), group))
    members = [np.flatnonzero(group == one) for one in range(400)]
    rng = np.random.default_rng(5)
    values = []
    for _ in range(600):
        take = np.concatenate([members[one] for one in rng.integers(0, 400, 400)])
        values.append(score(actual[take], predicted[take], CLASSES))
    assert found == pytest.approx(np.std(values), rel=0.12)


def test_order_of_images_does_not_change_a_digit() -> None:
    """A product of BLAS does, by where its arrays lie, and then a tracked file changes its hash."""
    rng = np.random.default_rng(7)
    contributions, group = rng.normal(size=1000), np.arange(1000)
    order = [rng.permutation(1000) for _ in range(20)]
    found = {counts.variance(contributions[one], group) for one in order}
    assert len(found) == 1
