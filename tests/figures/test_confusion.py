"""The pictures of confusion matrices."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture

from clfer.datasets.expressions import FERPLUS
from clfer.figures import confusion


def test_picture(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 3000, (8, 8))
    draw = partial(confusion.draw, counts, FERPLUS, "ferplus / ours / seed 0")
    words = check_picture(draw, tmp_path, 7.4)
    assert f"neutral ({counts[0].sum():,})" in words
    assert f"{counts[0, 1]:,}" in words


def test_absent_class_and_long_title(tmp_path: Path) -> None:
    counts = np.array([[5, 1], [0, 0]])
    check_picture(partial(confusion.draw, counts, ["a", "b"], "word " * 30), tmp_path, 5.6)


@pytest.mark.parametrize(("number", "width"), [(1, 4.4), (3, 7.2), (4, 7.2)])
def test_several_as_shares_of_their_rows(tmp_path: Path, number: int, width: float) -> None:
    counts = {f"variant {i}": np.array([[3, 1], [0, 0]]) for i in range(number)}
    draw = partial(confusion.draw_several, counts, dict.fromkeys(counts, 1), ["a", "b"], "one")
    words = check_picture(draw, tmp_path, width)
    assert {"75", "25", "variant 0", "75.0 % right, 1 seed"} <= set(words)
    assert words.count("0") == 1  # of the colour bar: no cell says so
