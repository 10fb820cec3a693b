"""The filled-in tables, on predictions written by hand."""

import csv
import io
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from prediction_tables import CLASSES, table

from clfer.errors import InputError
from clfer.experiments import leakage, rule, text
from clfer.experiments.clusters import points
from clfer.experiments.differs import PAPER, differs
from clfer.experiments.intensity import columns
from clfer.experiments.plan import Plan, Row
from clfer.experiments.result import result
from clfer.experiments.scarcity import rejected
from clfer.scoring.grid import Run

LABEL = [0, 1, 2] * 10
FACTS = {"evidence": True, "selected_on": "val", "differs": ["all of it"], "command": "clfer x"}


def run(variant, seed, wrong, **how):
    """A run on thirty images of which the first `wrong` are wrong."""
    predicted = [(y + 1) % 3 if i < wrong else y for i, y in enumerate(LABEL)]
    return Run("toy", variant, seed, table(LABEL, predicted, **how))


def plan(*rows, **how):
    return Plan("Table X", "What?", ("method",), rows, **how)


BASE = Row(("plain",), "baseline", {}, {"ferplus": 80.0, "raf_db": 70.0})
OURS = Row(("new",), "ours", {}, {"ferplus": 81.5}, against="baseline")
RUNS = [run("baseline", seed, 9 + seed) for seed in range(3)]
RUNS += [run("ours", seed, 6 + 2 * seed) for seed in range(3)]


def test_accuracy_difference_and_holm_over_the_family():
    first, second = result(plan(BASE, OURS, family=True), RUNS, 0.05)
    assert first["accuracy"]["per_seed"] == pytest.approx([21 / 30, 20 / 30, 19 / 30])
    assert first["difference"] is None
    assert second["difference"] == pytest.approx((3 + 2 + 1) / 90)
    # differences 3, 2, 1 of 30: mean 2, standard deviation 1, t = 2 sqrt 3 with two degrees
    assert second["p"] == pytest.approx(1 - 2 * np.sqrt(3) / np.sqrt(12 + 2))
    assert second["p_holm"] == pytest.approx(second["p"])
    assert result(plan(BASE, OURS), RUNS, 0.05)[1]["p_holm"] is None


def test_a_row_without_a_run_is_named():
    with pytest.raises(InputError, match="no run of ours is given"):
        result(plan(BASE, OURS), RUNS[:3], 0.05)


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
    (kept,) = result(plan(row), [flat], 0.05)
    assert kept["accuracy"]["mean"] == pytest.approx(18 / 30)  # 0.5 is no rejection at 0.25
    assert kept["class_recall"] == pytest.approx(0.6)


def test_the_page_shows_the_paper_s_numbers_of_the_dataset_or_all():
    entries = result(plan(BASE, OURS), RUNS, 0.05)
    on_ferplus = text.document("t", plan(BASE, OURS), "ferplus", entries, FACTS)
    assert on_ferplus["columns"][:3] == ["method", "paper, FERPlus (%)", "here, FERPlus (%)"]
    on_demo = text.document("t", plan(BASE, OURS), "demo", entries, FACTS | {"evidence": False})
    assert on_demo["columns"][1:3] == ["paper, RAF-DB (%)", "paper, FERPlus (%)"]
    assert [row[1] for row in on_demo["rows"]] == ["70.00", "–"]
    page = text.markdown(on_demo)
    assert page.startswith("# Table X, on demo (drawn faces: not evidence for the method)\n")
    assert "- all of it" in page
    assert "66.67 ± 3.33" in page
    assert "+6.67 (" in page
    peeked = FACTS | {"selected_on": "test"}
    optimistic = text.document("t", plan(BASE), "demo", entries[:1], peeked)
    assert "optimistic" in text.markdown(optimistic).splitlines()[0]


def test_published_methods_stand_in_the_table_where_they_have_a_number():
    known, unknown = (Row((name,), None, {}, {name: 61.0}) for name in ("ferplus", "sfew"))
    asked = plan(BASE, known, unknown)
    document = text.document("t", asked, "ferplus", result(asked, RUNS[:3], 0.05), FACTS)
    assert [row[:2] for row in document["rows"]] == [["plain", "80.00"], ["ferplus", "61.00"]]
    assert document["rows"][1][2] == "–"


def test_the_csv_has_the_cells_of_the_page():
    entries = result(plan(BASE, OURS), RUNS, 0.05)
    document = text.document("t", plan(BASE, OURS), "ferplus", entries, FACTS)
    assert list(csv.reader(io.StringIO(text.as_csv(document)))) == [
        document["columns"],
        *document["rows"],
    ]


def test_further_columns_stand_beside():
    histories = [
        (name, pl.DataFrame({"epoch": [1, 2], "gradient_1": [9.0, last], "gradient_1_group_1": 0}))
        for name, last in (("baseline", 1.0), ("baseline", 3.0), ("ours", 0.5))
    ]
    beside = columns(plan(BASE, OURS), histories)
    assert beside == {"gradient of block 1, last epoch": ["2 ± 1.41", "0.5"]}
    entries = result(plan(BASE, OURS), RUNS, 0.05)
    document = text.document("t", plan(BASE, OURS), "demo", entries, FACTS | {"beside": beside})
    assert [row[-1] for row in document["rows"]] == ["2 ± 1.41", "0.5"]


def test_copies_kept_and_dropped_on_the_same_images():
    unique = [i % 3 > 0 for i in range(30)]
    kept = [run("ours", seed, seed, unique=unique) for seed in (0, 1, 2)]
    dropped = [run("ours", seed, 6 + 3 * seed, unique=unique) for seed in (0, 1, 2)]
    asked = leakage.plan(["ours"])
    entries = leakage.results(asked, kept, dropped, 0.05)
    assert [one["label"][0] for one in entries[::2]] == list(leakage.SUBSETS)
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
        leakage.results(asked, without, without, 0.05)


def test_the_paper_s_rule_on_its_own_numbers_and_on_ours():
    told = rule.said("ferplus", {"mean": 0.85, "std": 0.01})
    assert len(told) == 5
    holds = {line.split(":")[0]: line for line in told[:4]}
    assert "62.16" in holds["On SFEW"]
    assert "65.20" in holds["On AffectNet-7"]
    assert len(rule.said("demo", {"mean": 0.85, "std": 0.01})) == 4


def test_figure_8_takes_its_points_from_the_table_and_leaves_it_as_it_is():
    rows = (
        Row(("K_FM (CLFM)", "4"), "baseline", {}),
        Row(("K_BS (CLBS)", "7"), "ours", {}, against="baseline"),
    )
    asked = Plan("Figure 8", "What?", ("clusters", "K"), rows)
    entries = result(asked, RUNS, 0.05)
    plain = text.document("figure8", asked, "demo", entries, FACTS)
    drawn = text.document("figure8", asked, "demo", entries, FACTS | {"points": points(entries)})
    assert drawn["rows"] == plain["rows"]
    assert drawn["cells"] == plain["cells"]
    assert (drawn["seeds"], drawn["variants"]) == ([0, 1, 2], ["baseline", "ours"])
    first, second = drawn["points"]
    assert (first["module"], first["k"], first["paper_best"]) == ("clfm", 4, True)
    assert (second["module"], second["k"], second["paper_best"]) == ("clbs", 7, True)
    assert second["mean"] == pytest.approx(22 / 30)
    low, high = second["ci95"]
    assert low < second["mean"] < high


def test_what_differs_is_told_and_what_does_not_is_not():
    protocol = {"duplicates": "drop", "labels": "majority"}
    same = {**PAPER, "select": "test", "labelled_fraction": 1.0}
    assert len(differs(same, protocol)) == 3
    assert "optimistic" in differs(same, protocol)[0]
    other = {**same, "select": "val", "epochs": 5, "labelled_fraction": 0.2}
    told = differs(other, protocol)
    assert "epochs: 5 here, 100 in the paper" in told
    assert any(line.startswith("20 %") for line in told)
