"""The picture of accuracy against the number of clusters."""

from functools import partial
from pathlib import Path

from pictures import check_picture, words

from clfer.figures import clusters
from clfer.figures.clusters import Point


def point(module: str, k: int, seeds: int) -> Point:
    mean = 0.6 + 0.01 * k
    std, interval = (0.01, [mean - 0.02, mean + 0.02]) if seeds > 1 else (None, None)
    best = (module, k) in (("clfm", 4), ("clbs", 7))
    return Point(module=module, k=k, mean=mean, std=std, ci95=interval, paper_best=best)


def test_picture_with_and_without_intervals(tmp_path: Path) -> None:
    points = [point("clfm", k, 3) for k in (8, 2, 4)] + [point("clbs", k, 1) for k in (5, 7)]
    check_picture(partial(clusters.draw, points, title="K: demo"), tmp_path, (7.2, 2.9))
    said = words(tmp_path / "first.svg")
    assert {"K: demo", "the paper's best K", "2", "4", "8", "5", "7"} <= set(said)


def test_one_module_alone(tmp_path: Path) -> None:
    check_picture(partial(clusters.draw, [point("clbs", 3, 1)]), tmp_path, (7.2, 2.9))
