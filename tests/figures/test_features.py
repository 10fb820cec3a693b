"""The picture of features in the plane."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture, words

from clfer.datasets.expressions import FERPLUS
from clfer.figures import features

RNG = np.random.default_rng(0)


def drawing(faces: int, epochs: dict[str, list[int]], classes: tuple[str, ...]):
    planes = {n: {e: RNG.normal(size=(faces, 2)) for e in es} for n, es in epochs.items()}
    alike = {n: {e: 0.01 * e for e in es} for n, es in epochs.items()}
    label = RNG.integers(0, len(classes) - 1, faces)
    return partial(features.draw, planes, alike, label, classes, "one")


@pytest.mark.parametrize("faces", [50, 700])
def test_picture(tmp_path: Path, faces: int) -> None:
    draw = drawing(faces, {"baseline": [1, 3, 5, 9], "ours": [1, 3, 5, 9]}, FERPLUS)
    check_picture(draw, tmp_path, (7.2, 2 * (1.8 + 0.35) + 0.9))
    said = words(tmp_path / "first.svg")
    assert {"epoch 9: 9 %", "baseline", "ours", *FERPLUS} <= set(said)
    assert ("<image" in (tmp_path / "first.svg").read_text()) == (faces > 500)


def test_unlike_numbers_of_moments_and_many_classes(tmp_path: Path) -> None:
    names = tuple(f"class {number}" for number in range(20))
    draw = drawing(40, {"baseline": [1], "ours": [1, 2]}, names)
    check_picture(draw, tmp_path, (7.2, 2 * (2.4 + 0.35) + 0.9))


def test_no_two_classes_look_alike() -> None:
    looks = features._looks(60)
    assert len(set(looks)) == 60
    assert len({mark for mark, _ in looks[:8]}) == len({colour for _, colour in looks[:8]}) == 8
