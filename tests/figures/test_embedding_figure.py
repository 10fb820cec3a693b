"""t-SNE of features, and the picture of it."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pictures import check_picture, words

from clfer.datasets.expressions import FERPLUS
from clfer.figures import embedding
from clfer.figures.embedding import NEIGHBOURS, neighbour_agreement, spread_epochs, tsne

RNG = np.random.default_rng(0)


def drawing(faces: int, epochs: dict[str, list[int]], classes: tuple[str, ...]):
    planes = {n: {e: RNG.normal(size=(faces, 2)) for e in es} for n, es in epochs.items()}
    alike = {n: {e: 0.01 * e for e in es} for n, es in epochs.items()}
    label = RNG.integers(0, len(classes) - 1, faces)
    return partial(embedding.draw, planes, alike, label, classes, "one")


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
    looks = embedding._looks(60)
    assert len(set(looks)) == 60
    assert len({mark for mark, _ in looks[:8]}) == len({colour for _, colour in looks[:8]}) == 8


def clusters(count=3, each=20, width=16):
    """Points around far centres, and which is whose."""
    label = np.repeat(np.arange(count), each)
    centres = 20 * np.eye(count, width)
    return (centres[label] + RNG.normal(size=(len(label), width))).astype(np.float32), label


def test_far_clusters_stay_apart_and_twice_is_the_same():
    points, label = clusters()
    plane = tsne(points, 0)
    assert np.array_equal(plane, tsne(points, 0))
    centres = np.stack([plane[label == k].mean(0) for k in range(3)])
    distance = np.linalg.norm(plane[:, None] - centres, axis=2)
    assert (distance.argmin(1) == label).all()


def test_few_points():
    for count in (2, 3, 5):
        assert np.isfinite(tsne(RNG.normal(size=(count, 4)).astype(np.float32), 0)).all()


def test_neighbours_of_the_same_label_against_a_loop():
    points = RNG.normal(size=(40, 3))
    label = RNG.integers(0, 3, 40)
    shares = []
    for i in range(40):
        near = sorted(
            (j for j in range(40) if j != i), key=lambda j: np.sum((points[j] - points[i]) ** 2)
        )
        shares.append(np.mean([label[j] == label[i] for j in near[:NEIGHBOURS]]))
    assert neighbour_agreement(points, label) == pytest.approx(np.mean(shares))
    points, label = clusters()
    assert neighbour_agreement(points, label) == 1
    assert neighbour_agreement(points[:3], np.array([0, 0, 1])) == pytest.approx(1 / 3)


def test_moments_are_spread_from_first_to_last():
    assert spread_epochs([9, 1, 3, 5], 4) == [1, 3, 5, 9]
    assert spread_epochs(list(range(1, 101)), 4) == [1, 34, 67, 100]
    assert spread_epochs([2], 4) == [2]
