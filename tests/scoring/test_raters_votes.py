"""Agreement with raters who disagree, by hand and by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.scoring import votes


@pytest.mark.parametrize(
    ("shares", "foremost"),
    [
        ([0.6, 0.3, 0.1], {0, 1}),
        ([0.6, 0.2, 0.2], {0, 1, 2}),
        ([0.4, 0.4, 0.2], {0, 1}),
        ([0.25, 0.25, 0.25, 0.25], {0, 1, 2, 3}),
        ([1.0, 0.0, 0.0], {0}),
        ([0.0, 0.3, 0.0, 0.7], {1, 3}),
    ],
)
def test_the_two_foremost_classes_of_one_image(shares: list[float], foremost: set[int]) -> None:
    target = np.array([shares], dtype=np.float32)
    found = {code for code in range(len(shares)) if votes.top2(target, np.array([code]))}
    assert found == foremost


@given(st.lists(st.lists(st.integers(0, 10), min_size=4, max_size=4), min_size=1), st.randoms())
def test_against_a_count_of_the_classes_ahead(ballots: list[list[int]], random) -> None:
    """A class is in when it has votes and fewer than two classes have more."""
    ballots = [one for one in ballots if sum(one)] or [[1, 0, 0, 0]]
    target = np.array([np.array(one, np.float32) / sum(one) for one in ballots])
    predicted = np.array([random.randrange(4) for _ in ballots])
    hits = [
        one[code] > 0 and sum(other > one[code] for other in one) < 2
        for one, code in zip(ballots, predicted, strict=True)
    ]
    assert votes.top2(target, predicted) == pytest.approx(sum(hits) / len(hits))


def test_votes_are_known_where_any_target_is_spread() -> None:
    assert votes.voted(np.array([[1.0, 0.0], [0.9, 0.1]]))
    assert not votes.voted(np.eye(3))
