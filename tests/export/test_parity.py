"""How far two engines are apart, on probabilities written out by hand."""

import numpy as np
import pytest

from clfer.export.parity import LIMIT, compared

EXPECTED = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]], np.float32)


def moved(*changes):
    found = EXPECTED.copy()
    for row, column, by in changes:
        found[row, column] += np.float32(by)
    return found


@pytest.mark.parametrize(
    ("changes", "difference", "holds"),
    [
        ([], 0.0, True),
        ([(0, 2, 3e-5), (1, 0, -9e-5)], 9e-5, True),
        ([(1, 0, 2 * LIMIT)], 2 * LIMIT, False),
        ([(0, 0, np.nan)], np.nan, False),
    ],
)
def test_the_largest_difference_of_all_counts(changes, difference, holds):
    parity = compared(EXPECTED, moved(*changes))
    assert parity.difference == pytest.approx(difference, rel=1e-2, nan_ok=True)
    assert parity.holds == holds
    assert parity.faces == 3


def test_a_label_may_change_where_two_classes_tie_and_nowhere_else():
    tied = compared(EXPECTED, moved((2, 1, 5e-5)))
    assert (tied.same, tied.tied, tied.holds) == (2, 1, True)
    near = EXPECTED.copy()
    near[2] = (0.40008, 0.39993, 0.19999)  # 1.5e-4 apart
    other = near.copy()
    other[2] = (0.400, 0.40001, 0.19999)  # each moved by less than 1e-4
    changed = compared(near, other)
    assert changed.difference < LIMIT
    assert (changed.same, changed.tied, changed.holds) == (2, 0, False)
