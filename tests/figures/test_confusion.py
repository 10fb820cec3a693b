"""The pictures of confusion matrices."""

import numpy as np
import pytest
from pictures import check_picture

from clfer.datasets.expressions import FERPLUS
from clfer.figures import confusion


def test_picture(tmp_path):
    counts = np.random.default_rng(0).integers(0, 3000, (8, 8))
    counts[3] = 0  # an absent class
    words = check_picture(tmp_path, 7.4, confusion.draw, counts, FERPLUS, "word " * 30)
    assert {f"neutral ({counts[0].sum():,})", f"{counts[0, 1]:,}"} <= set(words)


@pytest.mark.parametrize(("number", "width"), [(1, 4.4), (4, 7.2)])
def test_several_as_shares_of_their_rows(tmp_path, number, width):
    counts = {f"variant {i}": np.array([[3, 1], [0, 0]]) for i in range(number)}
    given = (counts, dict.fromkeys(counts, 1), ["a", "b"], "one")
    words = check_picture(tmp_path, width, confusion.draw_several, *given)
    assert {"75", "25", "variant 0", "75.0 % right, 1 seed"} <= set(words)
    assert words.count("0") == 1  # of the colour bar: no cell says so
