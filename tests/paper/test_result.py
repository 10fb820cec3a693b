"""The filled-in tables, on predictions written by hand; ours beside published numbers, by formula
and against scipy.
"""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from experiments import BASE, LABEL, OURS, RUNS, plan, run
from prediction_tables import table
from scipy import stats

from clfer.errors import InputError
from clfer.paper import published
from clfer.paper.result import leakage_result, paper_rule, published_comparisons, result
from clfer.paper.tables import SUBSETS, Row, leakage
from clfer.scoring.grid import Run
from clfer.scoring.scores import rejected
from clfer.scoring.summary import Significance, summarise

SETTINGS = Significance(alpha=0.05, margin=0.01, baseline="baseline")
SEVEN = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
PROTOCOL = {"labels": "RAF-DB, aligned images", "duplicates": "drop", "selected_on": "val"}
IMAGES = 400


def test_accuracy_difference_and_holm_over_the_family():
    first, second = result(plan(BASE, OURS, family=True), RUNS)
    assert first["accuracy"]["per_seed"] == pytest.approx([21 / 30, 20 / 30, 19 / 30])
    assert first["difference"] is None
    assert second["difference"] == pytest.approx((3 + 2 + 1) / 90)
    # differences 3, 2, 1 of 30: mean 2, standard deviation 1, t = 2 sqrt 3 with two degrees
    assert second["p"] == pytest.approx(1 - 2 * np.sqrt(3) / np.sqrt(12 + 2))
    assert second["p_holm"] == pytest.approx(second["p"])
    assert result(plan(BASE, OURS), RUNS)[1]["p_holm"] is None


def test_a_row_without_a_run_is_named():
    with pytest.raises(InputError, match="no run of ours is given"):
        result(plan(BASE, OURS), RUNS[:3])


def test_unsure_predictions_are_taken_for_the_scarce_class():
    probability = np.random.default_rng(0).dirichlet(np.ones(3), len(LABEL)).astype(np.float32)
    predictions = table(LABEL, probability.argmax(1), probability=probability)
    found = rejected(predictions, "anger", 0.6)
    for before, after in zip(predictions.to_dicts(), found.to_dicts(), strict=True):
        unsure = max(before["probability"]) < 0.6
        assert after["predicted"] == ("anger" if unsure else before["predicted"])
        assert after["probability"] == ([0, 0, 1] if unsure else before["probability"])
        assert after["label"] == before["label"]
    assert 3 < sum(max(one) < 0.6 for one in probability.tolist()) < 27


def test_the_rejection_reaches_the_accuracy_and_the_recall_of_the_class():
    sure = run("ours", 0, 12)
    wide = sure.predictions["probability"].to_numpy().copy()
    wide[:] = np.where(wide == wide.max(1, keepdims=True), 0.5, 0.25)
    column = pl.Series("probability", wide, sure.predictions.schema["probability"])
    flat = replace(sure, predictions=sure.predictions.with_columns(column))
    row = Row(("new",), "ours", {}, scarce="anger")
    (kept,) = result(plan(row), [flat])
    assert kept["accuracy"]["mean"] == pytest.approx(18 / 30)  # 0.5 is no rejection at 0.25
    assert kept["class_recall"] == pytest.approx(0.6)


def test_copies_kept_and_dropped_on_the_same_images():
    unique = [i % 3 > 0 for i in range(30)]
    kept = [run("ours", seed, seed, unique=unique) for seed in (0, 1, 2)]
    dropped = [run("ours", seed, 6 + 3 * seed, unique=unique) for seed in (0, 1, 2)]
    asked = leakage(["ours"])
    entries = leakage_result(asked, kept, dropped)
    assert [one["label"][0] for one in entries[::2]] == list(SUBSETS)
    first = entries[0]
    assert first["difference"] == pytest.approx((6 + 8 + 10) / 90)
    copied, alone = entries[2], entries[4]
    for one, member in ((copied, False), (alone, True)):
        places = [i for i in range(30) if unique[i] == member]
        expected = [
            (sum(i >= few for i in places) - sum(i >= many for i in places)) / len(places)
            for few, many in zip((0, 1, 2), (6, 9, 12), strict=True)
        ]
        assert one["difference"] == pytest.approx(np.mean(expected))
    without = [run("ours", seed, seed) for seed in (0, 1, 2)]
    with pytest.raises(InputError, match="no copies to measure"):
        leakage_result(asked, without, without)


def grid(dataset: str, wrongs: dict[str, list[int]]) -> dict:
    """Runs that are wrong on so many images, from image `seed` on, beside published numbers."""
    label = np.arange(IMAGES) % 7
    runs = []
    for variant, several in wrongs.items():
        for seed, wrong in enumerate(several):
            predicted = label.copy()
            predicted[seed : seed + wrong] = (predicted[seed : seed + wrong] + 1) % 7
            answers = table(label.tolist(), predicted.tolist(), classes=SEVEN)
            runs.append(Run(dataset, variant, seed, answers))
    found = summarise(runs, {dataset: True}, {dataset: PROTOCOL}, SETTINGS)["datasets"][dataset]
    variants = found["variants"]
    return {
        "published": published_comparisons(dataset, found["test_images"], variants),
        "paper_rule": paper_rule(dataset, variants.get("ours", {}).get("accuracy")),
    }


def by_name(entries: list[dict]) -> dict:
    return {(one["variant"], one["name"]): one for one in entries}


def test_against_the_papers_seeds_by_welch() -> None:
    wrongs = [40, 44, 36]
    entry = by_name(grid("raf_db", {"ours": wrongs})["published"])["ours", published.PAPER]
    ours = 1 - np.array(wrongs) / IMAGES  # 0.90, 0.89, 0.91
    # Ten accuracies with exactly the mean and standard deviation of Table VIII.
    ten = np.linspace(-1, 1, 10)
    theirs = 0.92151 + ten / ten.std(ddof=1) * 0.00055
    found = stats.ttest_ind(ours, theirs, equal_var=False)
    assert entry["test"] == "Welch"
    assert entry["p"] == pytest.approx(found.pvalue)
    assert entry["ci95"] == pytest.approx(tuple(found.confidence_interval(0.95)))
    assert entry["difference"] == pytest.approx(0.90 - 0.92151)
    assert (entry["accuracy"], entry["covers"], entry["protocol"]) == (0.92151, "seeds", "test")


def test_against_a_competitor_by_formula() -> None:
    found = by_name(grid("raf_db", {"ours": [40, 44, 36]})["published"])
    entry = found["ours", "FDRL"]
    seeds = 0.01**2 / 3
    images, theirs = 0.9 * 0.1 / 400, 0.8947 * 0.1053 / 3068
    total = seeds + images + theirs
    freedom = total**2 / (seeds**2 / 2 + images**2 / 399 + theirs**2 / 3067)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(total)
    assert entry["difference"] == pytest.approx(0.9 - 0.8947)
    assert entry["ci95"] == pytest.approx([0.0053 - half, 0.0053 + half])
    assert (entry["p"], entry["test"], entry["covers"]) == (None, "descriptive", "seeds and images")
    assert len(found) == len(published.published("raf_db"))


def test_fewer_than_three_seeds_make_no_test() -> None:
    for wrongs, covers in (([40], "images"), ([40, 44], "seeds and images")):
        entry = by_name(grid("raf_db", {"ours": wrongs})["published"])["ours", published.PAPER]
        assert (entry["p"], entry["test"], entry["covers"]) == (None, "descriptive", covers)
        assert entry["accuracy"] == 0.9221


def test_every_variant_stands_beside_its_own_row_alone() -> None:
    wrongs = {"baseline": [60, 62, 64], "msr": [50, 52, 54], "scn": [50, 51, 52]}
    found = by_name(grid("raf_db", wrongs)["published"])
    assert list(found) == [("baseline", "the paper's baseline"), ("msr", "the paper's msr")]
    assert found["msr", "the paper's msr"]["accuracy"] == 0.874
    assert {one["test"] for one in found.values()} == {"descriptive"}


def test_a_dataset_without_published_numbers() -> None:
    own = grid("folder", {"ours": [40, 44, 36]})
    assert own["published"] == own["paper_rule"] == []


def test_the_papers_rule_on_ours() -> None:
    theirs, ours = grid("sfew", {"ours": [40, 44, 36]})["paper_rule"]
    assert (theirs["whose"], ours["whose"]) == ("paper", "ours")
    assert (ours["mean"], ours["std"]) == pytest.approx((0.9, 0.01))
    assert ours["threshold"] == pytest.approx(0.87)
    assert ours["holds"]
    assert len(grid("sfew", {"ours": [40]})["paper_rule"]) == 1
    assert len(grid("sfew", {"baseline": [40, 44]})["paper_rule"]) == 1
