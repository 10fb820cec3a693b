"""Confusion counts and their scores, against scikit-learn and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from clfer.scoring import counts

CLASSES = 5
LABELS = st.lists(
    st.tuples(st.integers(0, CLASSES - 1), st.integers(0, CLASSES - 1)), min_size=1, max_size=60
)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")


def pair(labels: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    columns = np.array(labels)
    return columns[:, 0], columns[:, 1]


@settings(max_examples=60, deadline=None)
@given(LABELS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_agrees_with_scikit_learn(labels: list[tuple[int, int]]) -> None:
    actual, predicted = pair(labels)
    table = counts.confusion(actual, predicted, CLASSES)
    every = list(range(CLASSES))
    assert (table == metrics.confusion_matrix(actual, predicted, labels=every)).all()
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        actual, predicted, labels=every, zero_division=0
    )
    np.testing.assert_allclose(counts.precision(table), precision)
    np.testing.assert_allclose(counts.recall(table), recall)
    np.testing.assert_allclose(counts.f1(table), f1)
    np.testing.assert_array_equal(counts.support(table), support)
    assert counts.accuracy(table) == pytest.approx(metrics.accuracy_score(actual, predicted))
    assert counts.uar(table) == pytest.approx(metrics.balanced_accuracy_score(actual, predicted))
    macro = metrics.f1_score(actual, predicted, average="macro", zero_division=0)
    assert counts.macro_f1(table) == pytest.approx(macro)


@settings(max_examples=60, deadline=None)
@given(LABELS, st.randoms())
def test_order_of_images_does_not_matter_and_counts_add(labels, random) -> None:
    whole = counts.confusion(*pair(labels), CLASSES)
    shuffled = random.sample(labels, len(labels))
    assert (counts.confusion(*pair(shuffled), CLASSES) == whole).all()
    cut = len(labels) // 2
    if cut:
        halves = [counts.confusion(*pair(half), CLASSES) for half in (labels[:cut], labels[cut:])]
        assert (halves[0] + halves[1] == whole).all()


def test_kappa_agrees_with_scikit_learn_and_is_defined_without_variation() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.integers(0, 3, 90), rng.integers(0, 3, 90)
    table = counts.confusion(actual, predicted, 3)
    assert counts.kappa(table) == pytest.approx(metrics.cohen_kappa_score(actual, predicted))
    assert counts.kappa(np.array([[7, 0], [0, 0]])) == 0
    assert counts.kappa(np.array([[7, 0], [0, 3]])) == 1


def test_absent_and_never_predicted_classes_by_hand() -> None:
    table = np.array([[3, 1, 0], [2, 0, 0], [0, 0, 0]])
    np.testing.assert_allclose(counts.recall(table), [0.75, 0, 0])
    np.testing.assert_allclose(counts.precision(table), [0.6, 0, 0])
    np.testing.assert_allclose(counts.f1(table), [6 / 9, 0, 0])
    assert counts.uar(table) == 0.375  # two classes have images
    assert counts.macro_f1(table) == pytest.approx(1 / 3)


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
