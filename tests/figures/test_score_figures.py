"""The pictures of accuracies, of numbers of clusters, and of calibration."""

import matplotlib as mpl
import numpy as np
import pytest
from pictures import check_picture
from prediction_tables import table

from clfer.figures import scores
from clfer.figures.scores import Point
from clfer.scoring.summary import Run, Significance, summarise

RNG = np.random.default_rng(0)
LABEL = np.arange(60) % 3


@pytest.mark.parametrize(
    "datasets",
    [
        {"ferplus": (3, {"baseline": 0.6, "msr": 0.7, "ours": 0.9}), "demo": (2, {"ours": 0.7})},
        {"ferplus": (1, {"baseline": 0.6, "ours": 1.0}), "sfew": (1, {"ours": 0.8})},
    ],
    ids=["seeds", "one seed, perfect, without baseline"],
)
def test_picture_of_accuracies(tmp_path, datasets):
    runs = [
        Run(dataset, name, seed, table(LABEL, np.where(RNG.random(60) < right, LABEL, 1)))
        for dataset, (seeds, variants) in datasets.items()
        for name, right in variants.items()
        for seed in range(seeds)
    ]
    evidence = {name: name != "demo" for name in datasets}
    settings = Significance(alpha=0.05, margin=0.01, baseline="baseline")
    summary = summarise(runs, evidence, dict.fromkeys(datasets, "a"), settings)
    check_picture(tmp_path, 8, scores.draw_accuracy, summary)


def point(module, k, seeds):
    mean = 0.6 + 0.01 * k
    std, interval = (0.01, [mean - 0.02, mean + 0.02]) if seeds > 1 else (None, None)
    best = (module, k) in (("clfm", 4), ("clbs", 7))
    return Point(module=module, k=k, mean=mean, std=std, ci95=interval, paper_best=best)


@pytest.mark.parametrize("modules", [{"clfm": (8, 2, 4), "clbs": (5, 7)}, {"clbs": (3,)}])
def test_picture_of_numbers_of_clusters(tmp_path, modules):
    """With and without intervals; also of one module alone."""
    points = [point(name, k, 1 + len(name * (k > 4))) for name, ks in modules.items() for k in ks]
    said = check_picture(tmp_path, 7.2, scores.draw_clusters, points, "K: demo")
    assert {"K: demo", "the paper's best K", *(str(one["k"]) for one in points)} <= set(said)


def predictions(images, shift):
    """Confidences, and rights of which `shift` fewer than promised come true."""
    confidence = RNG.beta(5, 2, images).astype(np.float32)
    return confidence, RNG.uniform(size=images) < confidence - shift


def test_pictures_of_calibration(tmp_path):
    """Of four variants with three seeds, and of one that is always right in one bin."""
    names = ("baseline", "cl", "msr", "ours")
    four = {n: [predictions(400, i / 10) for _ in range(3)] for i, n in enumerate(names)}
    certain = {"baseline": [(np.ones(3, np.float32), np.ones(3, dtype=bool))]}
    title = "demo (drawn faces: not evidence for the method; optimistic: checkpoint chosen)"
    for variants, width in ((four, 8.7), (certain, 5.8)):
        (folder := tmp_path / str(width)).mkdir()
        check_picture(folder, width, scores.draw_reliability, variants, title)


def test_intervals_count_an_image_once_for_all_seeds(tmp_path):
    """The same predictions by three seeds are no more evidence than by one: the same picture, also
    under another matplotlibrc.
    """
    seed = predictions(300, 0.1)
    once, thrice = tmp_path / "once.png", tmp_path / "thrice.png"
    scores.draw_reliability({"ours": [seed]}, "toy", once)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        scores.draw_reliability({"ours": [seed] * 3}, "toy", thrice)
    assert once.read_bytes() == thrice.read_bytes()
