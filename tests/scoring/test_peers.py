"""The comparison with other packages, of invented answers."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest
from sklearn import metrics

from bench.peers.compare import ALL, OURS, SHARED, UNIQUE, accuracy, compare, page, shared
from clfer.scoring.comparison import holm

CLASSES = [*SHARED, "contempt"]
SPELLED = ["Angry", "disgust", "fear", "happy", "sad", "surprised", "Neutral"]
IN_OUR_WORDS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
RESULT = Path(__file__).parents[2] / "docs/results/peers.json"


@pytest.fixture(scope="module")
def test_images():
    generator = np.random.default_rng(0)
    target = generator.dirichlet(np.ones(8), 300).astype(np.float32)
    return pl.DataFrame(
        {
            "row": range(7, 307),
            "group": generator.integers(0, 250, 300),
            "unique": generator.random(300) < 0.8,
            "label": pl.Series([CLASSES[i] for i in target.argmax(1)], dtype=pl.Enum(CLASSES)),
            "target": pl.Series(target, dtype=pl.Array(pl.Float32, 8)),
        }
    )


@pytest.fixture(scope="module")
def given(test_images):
    """Answers that are right now and then, the more the earlier the package."""
    generator, target = np.random.default_rng(1), test_images["target"].to_numpy()
    names = {OURS: 0.7, "a": 0.4, "b": 0.35, "c": 0.0}
    noisy = {
        n: s * target + (1 - s) * generator.dirichlet(np.ones(8), 300) for n, s in names.items()
    }
    return {name: shared(one.astype(np.float32), CLASSES) for name, one in noisy.items()}


def test_answers_are_put_into_our_order_without_contempt():
    row = np.array([[1, 2, 3, 4, 5, 6, 7], [np.nan] * 7], np.float32)
    got = shared(row, SPELLED)
    for place, name in enumerate(SHARED):
        assert got[0, place] == pytest.approx((1 + IN_OUR_WORDS.index(name)) / 28)
    assert np.isnan(got[1]).all()
    with_contempt = np.array([[0.2, 0.1, 0.1, 0.1, 0, 0, 0, 0.5]], np.float32)
    assert shared(with_contempt, CLASSES)[0, 0] == pytest.approx(0.4)


def test_a_crop_without_a_face_is_wrong_and_contempt_does_not_count():
    sure = np.eye(7)[[0, 1, 2, 3]]
    sure[3] = np.nan
    label = ["neutral", "anger", "contempt", "neutral"]
    assert accuracy(sure, label) == {
        "accuracy": pytest.approx(1 / 3),
        "no_face": pytest.approx(1 / 3),
    }


def test_scores_are_those_of_scikit_learn_and_tests_those_of_scipy(test_images, given):
    found = compare(test_images, given)
    kept = test_images["label"].is_in(SHARED).to_numpy()
    unique = test_images["unique"].to_numpy()
    for part, images in {ALL: kept, UNIQUE: kept & unique}.items():
        label = [SHARED.index(one) for one in test_images["label"].to_numpy()[images]]
        answers = {name: one[images].argmax(1) for name, one in given.items()}
        assert found[part]["test_images"] == len(label)
        for name, answer in answers.items():
            own = found[part]["variants"][name]
            assert own["accuracy"]["mean"] == pytest.approx(metrics.accuracy_score(label, answer))
            recall = metrics.recall_score(label, answer, average=None)
            by_class = [own["per_class"][one]["recall"]["mean"] for one in SHARED]
            assert by_class == pytest.approx(recall)
        right = {name: answer == np.array(label) for name, answer in answers.items()}
        p = []
        for name in ("a", "b", "c"):
            theirs = int((right[name] & ~right[OURS]).sum())
            ours = int((right[OURS] & ~right[name]).sum())
            against = found[part]["against"][name]
            test = against["mcnemar"]
            assert (test["only_a_right"], test["only_b_right"]) == (theirs, ours)
            assert against["difference"] == pytest.approx((theirs - ours) / len(label))
            assert against["ci95"][0] < against["difference"] < against["ci95"][1]
            p.append(binomtest(theirs, theirs + ours).pvalue)
            assert test["p"] == pytest.approx(p[-1])
        adjusted = [found[part]["against"][name]["mcnemar"]["p_holm"] for name in "abc"]
        assert adjusted == pytest.approx(holm(p))


def test_the_page_says_what_the_numbers_say():
    document = json.loads(RESULT.read_text())
    shown = page(document)
    assert shown == RESULT.with_suffix(".md").read_text()
    for name, one in document["packages"].items():
        mean = document["scores"][ALL]["variants"][name]["accuracy"]["mean"]
        assert f"{100 * mean:.2f}" in shown
        assert f"**{100 * one['val'][one['way']]['accuracy']:.2f}**" in shown
