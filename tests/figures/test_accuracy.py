"""The picture of accuracies and differences."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from pictures import check_picture

from clfer.figures import accuracy
from clfer.scoring.grid import Run
from clfer.scoring.summary import Significance, summarise

SETTINGS = Significance(alpha=0.05, baseline="baseline")


def predictions(right: float, seed: int) -> pl.DataFrame:
    """Predictions on 60 images of two classes, of which about `right` are right."""
    rng = np.random.default_rng(seed)
    label = np.arange(60) % 2
    predicted = np.where(rng.uniform(size=60) < right, label, 1 - label)
    kind, pair = pl.Enum(["neutral", "happiness"]), pl.Array(pl.Float32, 2)
    return pl.DataFrame(
        {
            "row": np.arange(60),
            "group": np.arange(60),
            "unique": np.arange(60) % 3 > 0,
            "label": pl.Series(np.array(["neutral", "happiness"])[label], dtype=kind),
            "predicted": pl.Series(np.array(["neutral", "happiness"])[predicted], dtype=kind),
            "probability": pl.Series(np.eye(2, dtype=np.float32)[predicted], dtype=pair),
            "target": pl.Series(np.eye(2, dtype=np.float32)[label], dtype=pair),
        }
    )


def grid(dataset: str, variants: dict[str, float], seeds: int) -> list[Run]:
    return [
        Run(dataset, name, seed, predictions(right, seed))
        for name, right in variants.items()
        for seed in range(seeds)
    ]


def test_picture_of_two_datasets(tmp_path: Path) -> None:
    runs = grid("ferplus", {"baseline": 0.6, "msr": 0.7, "ours": 0.9}, 3)
    runs += grid("demo", {"baseline": 0.6, "ours": 0.7}, 2)
    summary = summarise(
        runs, {"ferplus": True, "demo": False}, {"ferplus": "a", "demo": "b"}, SETTINGS
    )
    check_picture(partial(accuracy.draw, summary), tmp_path, (8, 4.3))


def test_one_seed_perfect_and_without_baseline(tmp_path: Path) -> None:
    runs = grid("ferplus", {"baseline": 0.6, "ours": 1.0}, 1) + grid("sfew", {"ours": 0.8}, 1)
    summary = summarise(
        runs, {"ferplus": True, "sfew": True}, {"ferplus": "a", "sfew": "b"}, SETTINGS
    )
    check_picture(partial(accuracy.draw, summary), tmp_path, (8, 3.58))
