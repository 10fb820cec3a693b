"""The tables of `clfer experiment` as pages, and what differs from published runs."""

import csv
import io

import polars as pl
import pytest
from experiments import BASE, OURS, RUNS, plan

from clfer.paper.published import of_paper, published
from clfer.paper.result import result
from clfer.paper.tables import Plan, Row
from clfer.report import experiment
from clfer.report.published import SETTINGS, Ours, from_paper, from_published

FACTS = {"evidence": True, "selected_on": "val", "differs": ["all of it"], "command": "clfer x"}


def filled(asked, dataset, runs=RUNS, **facts):
    return experiment.document(asked, dataset, result(asked, runs), FACTS | facts)


def test_the_page_shows_the_paper_s_numbers_of_the_dataset_or_all():
    on_ferplus = filled(plan(BASE, OURS), "ferplus")
    assert on_ferplus["columns"][:3] == ["method", "paper, FERPlus (%)", "here, FERPlus (%)"]
    on_demo = filled(plan(BASE, OURS), "demo", evidence=False)
    assert on_demo["columns"][1:3] == ["paper, RAF-DB (%)", "paper, FERPlus (%)"]
    assert [row[1] for row in on_demo["rows"]] == ["70.00", "–"]
    page = experiment.markdown(on_demo)
    assert page.startswith("# Table VIII: ten seeds, on demo (drawn faces: not evidence for")
    for document in (on_ferplus, on_demo):
        rows = list(csv.reader(io.StringIO(experiment.as_csv(document))))
        assert rows == [document["columns"], *document["rows"]]


def test_published_methods_stand_in_the_table_where_they_have_a_number():
    known, unknown = (Row((name,), None, {}, {name: 61.0}) for name in ("ferplus", "sfew"))
    document = filled(plan(BASE, known, unknown), "ferplus", RUNS[:3])
    assert [row[:2] for row in document["rows"]] == [["plain", "80.00"], ["ferplus", "61.00"]]


def test_further_columns_stand_beside():
    histories = [
        (name, pl.DataFrame({"epoch": [1, 2], "gradient_1": [9.0, last], "gradient_1_group_1": 0}))
        for name, last in (("baseline", 1.0), ("baseline", 3.0), ("ours", 0.5))
    ]
    beside = experiment.intensity_columns(plan(BASE, OURS), histories)
    assert beside == {"gradient of block 1, last epoch": ["2 ± 1.41", "0.5"]}
    document = filled(plan(BASE, OURS), "demo", beside=beside)
    assert [row[-1] for row in document["rows"]] == ["2 ± 1.41", "0.5"]


def test_the_paper_s_rule_on_its_own_numbers_and_on_ours():
    sentences = experiment.rule_sentences("ferplus", {"mean": 0.85, "std": 0.01})
    assert len(sentences) == 5
    by_dataset = {line.split(":")[0]: line for line in sentences[:4]}
    assert "62.16" in by_dataset["On SFEW"]
    assert "65.20" in by_dataset["On AffectNet-7"]
    assert len(experiment.rule_sentences("demo", {"mean": 0.85, "std": 0.01})) == 4


def test_figure_8_takes_its_points_from_the_table_and_leaves_it_as_it_is():
    rows = (
        Row(("K_FM (CLFM)", "4"), "baseline", {}),
        Row(("K_BS (CLBS)", "7"), "ours", {}, against="baseline"),
    )
    asked = Plan("figure8", rows)
    points = experiment.cluster_points(result(asked, RUNS))
    plain, drawn = filled(asked, "demo"), filled(asked, "demo", points=points)
    assert drawn["rows"] == plain["rows"]
    assert drawn["cells"] == plain["cells"]
    assert (drawn["seeds"], drawn["variants"]) == ([0, 1, 2], ["baseline", "ours"])
    first, second = drawn["points"]
    assert (first["module"], first["k"], first["paper_best"]) == ("clfm", 4, True)
    assert (second["module"], second["k"], second["paper_best"]) == ("clbs", 7, True)
    assert second["mean"] == pytest.approx(22 / 30)
    low, high = second["ci95"]
    assert low < second["mean"] < high


def test_what_differs_from_the_paper_is_listed_and_what_does_not_is_not():
    same = {**SETTINGS, "labelled_fraction": 1.0, "scarce_class": None}
    assert from_paper(Ours("ferplus", 3573, 8, {"duplicates": "keep"}, "test"), [same]) == []
    short = {**same, "epochs": 1, "backbone": "resnet10", "crop": 64, "labelled_fraction": 0.1}
    ours = Ours("ferplus", 3137, 7, {"duplicates": "drop"}, "val")
    assert from_paper(ours, [short, same, short]) == [
        "the epoch is chosen on validation images here, on the test images in the paper",
        "test images: 3,137 here, 3,573 in the paper",
        "classes: 7 here, 8 in the paper",
        "copies of test images are kept out of training here, not known in the paper",
        "network: resnet10 here, resnet18 in the paper",
        "input size: 64 here, 224 in the paper",
        "epochs: 1 here, 100 in the paper",
        "10 % of the training labels are used here",
    ]
    scarce = {**same, "scarce_class": "fear", "scarce_kept": 0.3}
    assert from_paper(Ours("demo", 500, 7, "in words", "test"), [scarce]) == [
        "the dataset is none of the paper's",
        "30 % of fear is trained on here",
    ]
    (unknown,) = from_paper(Ours("ferplus", 3573, 8, "in words", "test"), [])
    assert "not recorded" in unknown


def test_what_differs_from_others_is_what_is_known_of_them():
    others = {one.name: one for one in published("raf_db")}
    on_val, on_test = (Ours("raf_db", 3068, 7, {}, part) for part in ("val", "test"))
    same = {"backbone": "resnet18", "weights": "imagenet", "epochs": 1}
    assert from_published(others["MEK ResNet-18"], on_val, [same]) == []
    assert from_published(others["MEK ResNet-18"], on_test, [same]) == [
        "the epoch is chosen on the test images here, on validation images in MEK ResNet-18"
    ]
    unknown, disputed = from_published(others["ARM"], on_val, [same])
    assert "how in ARM is not known" in unknown
    assert disputed == "disputed: a prediction depends on the other images of its batch"
    assert from_published(others["RAN"], on_test, [same | {"weights": "none"}]) == [
        "initial weights: none here, MS_Celeb_1M in RAN"
    ]
    paper = of_paper("raf_db", "msr")
    assert paper is not None
    assert "epochs: 1 here, 100 in the paper" in from_published(paper, on_test, [same])
