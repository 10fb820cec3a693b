"""The filled-in tables, on predictions written by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from experiments import BASE, LABEL, OURS, RUNS, plan, run
from prediction_tables import CLASSES, table

from clfer.errors import InputError
from clfer.paper.result import leakage_result, result
from clfer.paper.tables import SUBSETS, Row, leakage
from clfer.scoring.scores import rejected


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
    predictions = table(LABEL, LABEL)
    probability = np.random.default_rng(0).dirichlet(np.ones(3), len(LABEL)).astype(np.float32)
    top = [CLASSES[i] for i in probability.argmax(1)]
    predictions = predictions.with_columns(
        pl.Series("probability", probability, predictions.schema["probability"]),
        pl.Series("predicted", top, predictions.schema["predicted"]),
    )
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
    flat = replace(sure, predictions=sure.predictions.with_columns(
        pl.Series("probability", wide, sure.predictions.schema["probability"])
    ))  # fmt: skip
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
