"""Scores of each class over seeds, by hand and in simulation."""

import numpy as np
import pytest
from prediction_tables import CLASSES, table

from clfer.scoring import counts
from clfer.scoring.classes import per_class, recall_interval
from clfer.scoring.grid import Run, gather


def test_by_hand() -> None:
    label = [0, 0, 0, 0, 1, 1]
    said = ([0, 0, 1, 1, 1, 1], [0, 0, 0, 1, 0, 1])
    group = [0, 0, 1, 2, 3, 4]
    runs = [Run("toy", "ours", seed, table(label, one, group)) for seed, one in enumerate(said)]
    images, (variant,) = gather(runs)
    found = per_class(images, variant)
    assert list(found) == list(CLASSES)
    neutral = found["neutral"]
    assert neutral["support"] == 4
    assert neutral["recall"]["per_seed"] == [0.5, 0.75]
    assert neutral["recall"]["mean"] == 0.625
    assert neutral["recall"]["std"] == pytest.approx(0.25 / np.sqrt(2))
    assert neutral["precision"]["per_seed"] == [1, 0.75]
    assert neutral["f1"]["per_seed"] == pytest.approx([2 / 3, 3 / 4])
    assert neutral["covers"] == "seeds and images"
    # Three groups of images, two of them copies.
    assert tuple(neutral["recall_ci95"]) == recall_interval(np.array([0.5, 0.75]), 3)
    # Nothing to see of a class without images.
    assert found["anger"]["recall_ci95"] == [0, 1]
    assert found["anger"]["covers"] == "images"


def test_one_seed_is_about_wilsons_interval_and_extremes_are_it() -> None:
    low, high = recall_interval(np.array([0.8]), 1000)
    assert (low, high) == pytest.approx(counts.wilson(800, 1000, 0.95), abs=2e-4)
    for recall in (0.0, 1.0):
        exact = counts.wilson(recall * 16, 16, 0.95)
        assert recall_interval(np.full(3, recall), 16) == pytest.approx(exact)


def test_more_spread_is_less_certain() -> None:
    narrow, wide = (recall_interval(np.array([0.7 - s, 0.7, 0.7 + s]), 50) for s in (0.01, 0.1))
    assert wide[0] < narrow[0] < 0.7 < narrow[1] < wide[1]
    assert 0 <= wide[0] < wide[1] <= 1


@pytest.mark.parametrize("images", [16, 100])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_it_holds_the_truth_in_95_percent_of_studies(images: int, rate: float) -> None:
    """A small and a larger class, three seeds of which each has a recall of its own."""
    rng = np.random.default_rng(images)
    studies, hits = 1000, 0
    for _ in range(studies):
        hard = rng.beta(8 * rate, 8 * (1 - rate), size=images)
        shift = rng.normal(scale=0.03, size=(3, 1))
        right = rng.uniform(size=(3, images)) < np.clip(hard + shift, 0, 1)
        low, high = recall_interval(right.mean(axis=1), images)
        hits += low <= rate <= high
    # Three standard errors of 1000 studies are 2.1 points.
    assert hits / studies > 0.929
