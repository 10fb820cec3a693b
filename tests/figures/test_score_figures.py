"""The pictures of accuracies, of numbers of clusters, and of calibration."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from pictures import check_picture

from clfer.figures import scores
from clfer.figures.scores import Point
from clfer.scoring.summary import Run, Significance, summarise

SETTINGS = Significance(alpha=0.05, baseline="baseline")


def table(right: float, seed: int) -> pl.DataFrame:
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
        Run(dataset, name, seed, table(right, seed))
        for name, right in variants.items()
        for seed in range(seeds)
    ]


def test_picture_of_two_datasets(tmp_path: Path) -> None:
    runs = grid("ferplus", {"baseline": 0.6, "msr": 0.7, "ours": 0.9}, 3)
    runs += grid("demo", {"baseline": 0.6, "ours": 0.7}, 2)
    summary = summarise(
        runs, {"ferplus": True, "demo": False}, {"ferplus": "a", "demo": "b"}, SETTINGS
    )
    check_picture(partial(scores.draw_accuracy, summary), tmp_path, 8)


def test_one_seed_perfect_and_without_baseline(tmp_path: Path) -> None:
    runs = grid("ferplus", {"baseline": 0.6, "ours": 1.0}, 1) + grid("sfew", {"ours": 0.8}, 1)
    summary = summarise(
        runs, {"ferplus": True, "sfew": True}, {"ferplus": "a", "sfew": "b"}, SETTINGS
    )
    check_picture(partial(scores.draw_accuracy, summary), tmp_path, 8)


def point(module: str, k: int, seeds: int) -> Point:
    mean = 0.6 + 0.01 * k
    std, interval = (0.01, [mean - 0.02, mean + 0.02]) if seeds > 1 else (None, None)
    best = (module, k) in (("clfm", 4), ("clbs", 7))
    return Point(module=module, k=k, mean=mean, std=std, ci95=interval, paper_best=best)


def test_picture_with_and_without_intervals(tmp_path: Path) -> None:
    points = [point("clfm", k, 3) for k in (8, 2, 4)] + [point("clbs", k, 1) for k in (5, 7)]
    said = check_picture(partial(scores.draw_clusters, points, "K: demo"), tmp_path, 7.2)
    assert {"K: demo", "the paper's best K", "2", "4", "8", "5", "7"} <= set(said)


def test_one_module_alone(tmp_path: Path) -> None:
    check_picture(partial(scores.draw_clusters, [point("clbs", 3, 1)], ""), tmp_path, 7.2)


def predictions(images: int, seed: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and rights of which `shift` fewer than promised come true."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(5, 2, images).astype(np.float32)
    return confidence, rng.uniform(size=images) < confidence - shift


def test_four_variants_of_three_seeds(tmp_path: Path) -> None:
    names = ("baseline", "cl", "msr", "ours")
    variants = {
        name: [predictions(400, seed, place / 10) for seed in range(3)]
        for place, name in enumerate(names)
    }
    title = "ferplus (optimistic: checkpoint chosen on the test images)"
    check_picture(partial(scores.draw_reliability, variants, title), tmp_path, 8.7)


def test_one_variant_all_right_in_one_bin(tmp_path: Path) -> None:
    certain = {"baseline": [(np.ones(3, np.float32), np.ones(3, dtype=bool))]}
    title = "demo (drawn faces: not evidence for the method; optimistic: checkpoint chosen)"
    check_picture(partial(scores.draw_reliability, certain, title), tmp_path, 5.8)


def test_intervals_count_an_image_once_for_all_seeds(tmp_path: Path) -> None:
    """The same predictions by three seeds are no more evidence than by one: the same picture."""
    seed = predictions(300, 0, 0.1)
    once, thrice = tmp_path / "once.png", tmp_path / "thrice.png"
    scores.draw_reliability({"ours": [seed]}, "toy", once)
    scores.draw_reliability({"ours": [seed] * 3}, "toy", thrice)
    assert once.read_bytes() == thrice.read_bytes()
