"""Scores of classes, absent ones and degenerate cases, and Wilson's interval by closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from clfer.scoring import counts

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(LABELS)
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
    assert counts.uar(found) == pytest.approx(uar, abs=1e-12)
    macro = f1[images + chosen > 0].mean()
    assert counts.macro_f1(found) == pytest.approx(macro, abs=1e-12)
    chance = images @ chosen / len(labels) ** 2
    kappa = 0 if chance == 1 else (counts.accuracy(table) - chance) / (1 - chance)
    assert counts.kappa(actual, predicted) == pytest.approx(kappa, abs=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_uar_is_the_balanced_accuracy() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(0, 4, 90), rng.integers(0, 5, 90)
    expected = metrics.balanced_accuracy_score(actual, predicted)
    found = counts.uar(counts.per_class(actual, predicted, 6))
    assert found == pytest.approx(expected, abs=1e-12)


def test_kappa_without_variation() -> None:
    one = np.zeros(7, dtype=int)
    assert counts.kappa(one, one) == 0
    assert counts.kappa(np.array([0, 0, 1]), np.array([0, 0, 1])) == 1


def test_wilson_closed_forms() -> None:
    # 8 of 10 at 95 %: the textbook's 0.490 to 0.943.
    assert counts.wilson(8, 10, 0.95) == pytest.approx((0.49016, 0.94332), abs=1e-5)
    z2 = 1.959963984540054**2
    assert counts.wilson(0, 20, 0.95) == pytest.approx((0, z2 / (20 + z2)))
    assert counts.wilson(20, 20, 0.95) == pytest.approx((20 / (20 + z2), 1))
    assert counts.wilson(0, 0, 0.95) == (0, 1)


@settings(deadline=None)
@given(st.integers(1, 500), st.floats(0, 1))
def test_wilson_holds_the_share_and_mirrors(total: int, part: float) -> None:
    right = round(part * total)
    low, high = counts.wilson(right, total, 0.95)
    assert 0 <= low <= right / total + 1e-12
    assert right / total - 1e-12 <= high <= 1
    mirror = counts.wilson(total - right, total, 0.95)
    assert mirror == pytest.approx((1 - high, 1 - low))
