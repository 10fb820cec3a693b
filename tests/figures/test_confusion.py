"""The picture of a confusion matrix."""

from functools import partial
from pathlib import Path

import numpy as np
from pictures import check_picture

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
