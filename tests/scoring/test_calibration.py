"""Calibration and agreement with raters, by hand and by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.scoring import calibration, counts


def test_a_certain_miss_stays_finite() -> None:
    certain = np.array([[1, 0]], dtype=np.float32)
    found = calibration.negative_log_likelihood(certain, np.array([1]))
    assert found == pytest.approx(-np.log(np.finfo(np.float32).eps))
    assert calibration.divergence(np.array([[0.5, 0.5]]), certain) < 16


def test_expected_calibration_error_by_hand() -> None:
    # Two in the bin (0.6, 0.667], one right: |0.5 - 0.65| x 2/3; one in the last: |1 - 0.94| x 1/3.
    confidence, right = np.array([0.65, 0.65, 0.94]), np.array([True, False, True])
    found = calibration.expected_calibration_error(confidence, right)
    assert found == pytest.approx(0.15 * 2 / 3 + 0.06 / 3)


def test_bins_are_closed_above_whatever_binary_says() -> None:
    edges = np.arange(1, 16) / 15
    bins = calibration.reliability(edges, np.ones(15, dtype=bool), 15)
    assert bins.images.tolist() == [1] * 15
    np.testing.assert_allclose(bins.confidence, edges)
    first = calibration.reliability(np.zeros(2), np.zeros(2, dtype=bool), 15)
    assert first.images.tolist() == [2] + [0] * 14


def test_divergence_from_votes() -> None:
    votes = np.array([[0.5, 0.5, 0.0]])
    given = np.array([[0.25, 0.5, 0.25]])
    assert calibration.divergence(votes, given) == pytest.approx(0.5 * np.log(2))
    assert calibration.divergence(votes, votes) == pytest.approx(0)
    hot = np.array([[0.0, 1.0, 0.0]])
    likelihood = calibration.negative_log_likelihood(given, np.array([1]))
    assert calibration.divergence(hot, given) == pytest.approx(likelihood)


def test_the_error_of_the_error_agrees_with_a_cluster_bootstrap() -> None:
    """Of a model that is too sure of itself; the first 300 images are 100 groups of copies."""
    rng = np.random.default_rng(8)
    confidence = rng.uniform(0.4, 1, 900)
    right = rng.uniform(size=900) < confidence - 0.15
    confidence[:300], right[:300] = np.repeat(confidence[:100], 3), np.repeat(right[:100], 3)
    group = np.concatenate([np.repeat(np.arange(100), 3), np.arange(100, 700)])
    contributions = calibration.ece_influence(confidence, right)
    assert contributions.sum() == pytest.approx(0, abs=1e-12)
    members = [np.flatnonzero(group == one) for one in range(700)]
    takes = [np.concatenate([members[i] for i in rng.integers(0, 700, 700)]) for _ in range(600)]
    values = [
        calibration.expected_calibration_error(confidence[take], right[take]) for take in takes
    ]
    found = np.sqrt(counts.variance(contributions, group))
    assert found == pytest.approx(np.std(values), rel=0.12)


@given(st.lists(st.lists(st.integers(0, 10), min_size=4, max_size=4), min_size=1), st.randoms())
def test_top2_against_a_count_of_the_classes_ahead(ballots: list[list[int]], random) -> None:
    """A class is in when it has votes and fewer than two classes have more."""
    ballots = [one for one in ballots if sum(one)] or [[1, 0, 0, 0]]
    target = np.array([np.array(one, np.float32) / sum(one) for one in ballots])
    predicted = np.array([random.randrange(4) for _ in ballots])
    hits = [
        one[code] > 0 and sum(other > one[code] for other in one) < 2
        for one, code in zip(ballots, predicted, strict=True)
    ]
    assert calibration.top2(target, predicted) == pytest.approx(sum(hits) / len(hits))
