"""The picture of confusion matrices side by side."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture, words

from clfer.expressions import FERPLUS
from clfer.figures import confusions


@pytest.mark.parametrize(("number", "height"), [(1, 3.9), (2, 4.1), (3, 3.17), (4, 7.4)])
def test_picture(tmp_path: Path, number: int, height: float) -> None:
    rng = np.random.default_rng(0)
    counts = {f"variant {i}": rng.integers(0, 300, (8, 8)) for i in range(number)}
    draw = partial(confusions.draw, counts, dict.fromkeys(counts, 2), FERPLUS, "one")
    side = (7.2 - 0.9 - 0.7) / (3 if number == 3 else 2)
    width = 0.9 + min(number, 2 if number == 4 else 3) * side + 0.7
    check_picture(draw, tmp_path, (width, 0.4 + (1 + (number == 4)) * (side + 0.9)))


def test_cells_are_shares_of_their_rows(tmp_path: Path) -> None:
    counts = {"ours": np.array([[3, 1], [0, 0]])}
    path = tmp_path / "one.svg"
    confusions.draw(counts, {"ours": 1}, ["a", "b"], "title", path)
    said = words(path)
    assert {"75", "25", "ours: 75.0 % right", "1 seed"} <= set(said)
    assert "100" in said  # of the colour bar
    assert said.count("0") == 1  # no cell says so
