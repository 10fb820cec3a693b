"""The pictures of confusion matrices."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture, words

from clfer.datasets.expressions import FERPLUS
from clfer.figures import confusion


def test_picture(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 300, (8, 8))
    draw = partial(confusion.draw, counts, FERPLUS, "ferplus / ours / seed 0")
    check_picture(draw, tmp_path, (7.4, 5.9))


def test_absent_class_and_long_title(tmp_path: Path) -> None:
    counts = np.array([[5, 1], [0, 0]])
    draw = partial(confusion.draw, counts, ["neutral", "happiness"], "word " * 30)
    check_picture(draw, tmp_path, (5.6, 4.1))


@pytest.mark.parametrize(
    ("number", "inches"), [(1, (4.4, 4.1)), (3, (7.2, 3.1667)), (4, (7.2, 7.8))]
)
def test_picture_of_several(tmp_path: Path, number: int, inches: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    counts = {f"variant {i}": rng.integers(0, 300, (3, 3)) for i in range(number)}
    draw = partial(confusion.draw_several, counts, dict.fromkeys(counts, 2), FERPLUS[:3], "one")
    check_picture(draw, tmp_path, inches)


def test_cells_are_shares_of_their_rows(tmp_path: Path) -> None:
    counts = {"ours": np.array([[3, 1], [0, 0]])}
    path = tmp_path / "one.svg"
    confusion.draw_several(counts, {"ours": 1}, ["a", "b"], "title", path)
    said = words(path)
    assert {"75", "25", "ours", "75.0 % right, 1 seed"} <= set(said)
    assert "100" in said  # of the colour bar
    assert said.count("0") == 1  # no cell says so
