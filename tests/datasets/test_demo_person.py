"""The action units of an expression, and the raters' votes on it."""

from itertools import product

import numpy as np
import pytest

from clfer.datasets.demo import person
from clfer.datasets.expressions import FERPLUS, FERPLUS_VOTES


def test_contempt_is_one_sided_and_no_other_expression_is():
    for expression in FERPLUS:
        left, right = person.action_units(np.random.default_rng(4), expression, 1.0)
        assert (abs(left[12] - right[12]) > 0.5) == (expression == "contempt")
        assert all(left[unit] > 0.8 or right[unit] > 0.8 for unit in person.EMFACS[expression])


@pytest.mark.parametrize("expression", [name for name in FERPLUS if name != "neutral"])
def test_raters_agree_more_the_stronger_and_the_less_hidden_an_expression_is(expression):
    truth = FERPLUS_VOTES.index(expression)

    def mean(strength: float, hidden: float) -> float:
        rng = np.random.default_rng(0)
        votes = [person.votes(rng, expression, strength, hidden) for _ in range(300)]
        assert all(int(vote.sum()) == person.RATERS for vote in votes)
        return float(np.mean(votes, axis=0)[truth])

    assert mean(0.3, 0.0) + 1 < mean(0.6, 0.0) < mean(0.9, 0.0) - 1
    assert mean(0.9, 0.45) + 1 < mean(0.9, 0.0)


def test_chances_are_a_distribution():
    for expression, strength, hidden in product(FERPLUS, (0.0, 0.5, 1.0), (0.0, 0.45)):
        chances = person.chances(expression, strength, hidden)
        assert chances.min() >= 0
        assert chances.sum() == pytest.approx(1)
