"""`clfer score` as it is typed, in a checkout with a few faces."""

import json

import numpy as np
import polars as pl
import pytest
from checkouts import CLASSES, checkout, done, refused

from clfer.datasets import labels
from clfer.report.score_sheet import html


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = checkout(tmp_path_factory.mktemp("score"))
    split = pl.read_parquet(folder / "data/splits/demo.parquet")
    (folder / "data/labels").mkdir()
    votes = pl.Series(values=[[4, 2, *[0] * 8]] * len(split), dtype=labels.VOTES)
    rows = pl.DataFrame({"row": range(len(split)), "votes": votes}).with_columns(
        name=pl.format("face_{}.png", pl.col("row"))
    )
    rows.write_parquet(folder / "data/labels/demo.parquet")
    test = split.filter(pl.col("split") == "test").sort("row")
    own = np.random.default_rng(0)
    for name, right in (("good", 0.95), ("poor", 0.1)):
        label = test["label"].to_physical().to_numpy().astype(int)
        said = np.where(own.random(len(test)) < right, label, own.integers(0, 3, len(test)))
        test.select("row").with_columns(label=pl.Series([CLASSES[i] for i in said])).write_csv(
            folder / f"{name}.csv"
        )
    return folder


def scored(place, line):
    return done(place, "score", *line.split())


def test_files_are_scored_compared_and_written(place):
    line = "good.csv poor.csv --dataset demo --json out/a.json --html out/a.html --md out/a.md"
    said = scored(place, line)
    assert "good is better than poor by" in " ".join(said.split())
    document = json.loads((place / "out/a.json").read_text())
    truth = pl.read_parquet(place / "data/splits/demo.parquet")
    for name in ("good", "poor"):
        given = pl.read_csv(place / f"{name}.csv").join(truth, on="row")
        expected = (given["label"] == given["label_right"].cast(pl.String)).mean()
        assert document["files"][name]["accuracy"]["value"] == pytest.approx(expected)
        assert [one["size"] for one in document["files"][name]["raters"]] == [1, 2, 3]
    assert len(document["comparisons"]) == 1
    page = (place / "out/a.html").read_text()
    assert page == html(document)
    assert "good" in page
    assert "http" not in page.replace("http-equiv", "")
    sheet = (place / "out/a.md").read_text()
    assert "| good |" in sheet
    assert sheet in said  # in a pipe the page is what the file holds, nothing cut


def test_without_votes_there_are_no_panels_of_raters(place):
    path = place / "data/labels/demo.parquet"
    rated = pl.read_parquet(path)
    labels.table(rated.drop("votes").with_columns(label=None), CLASSES).write_parquet(path)
    assert "panel" not in scored(place, "good.csv --dataset demo --json out/b.json")
    assert "raters" not in json.loads((place / "out/b.json").read_text())["files"]["good"]
    rated.write_parquet(path)


def test_a_part_is_named_and_can_be_the_baseline(place):
    lines = (place / "good.csv").read_text().splitlines()
    (place / "half.csv").write_text("\n".join(lines[:13]) + "\n")
    scored(place, "half.csv poor.csv --dataset demo --baseline half --json out/half.json")
    document = json.loads((place / "out/half.json").read_text())
    assert [*document["files"]] == ["half (12 of 24 test images)", "poor"]
    assert document["baseline"] == "half (12 of 24 test images)"
    assert document["comparisons"][0]["images"] == 12


def test_a_baseline_is_the_file_of_that_name(place):
    """Not the copy that a browser made of it."""
    (place / "good (1).csv").write_bytes((place / "poor.csv").read_bytes())
    out = place / "out/copy.json"
    names = ("good.csv", "good (1).csv", "--dataset", "demo", "--baseline", "good")
    done(place, "score", *names, "--json", out)
    assert json.loads(out.read_text())["baseline"] == "good"


def test_two_orders_of_one_model(place):
    said = scored(place, "--orders good.csv good.csv --name a --name b --dataset demo")
    assert "do not depend" in said
    said = scored(place, "--orders good.csv poor.csv --dataset demo")
    assert "The answers depend" in said


def test_ranks_over_several_datasets(place):
    for i in range(3):
        scores = {name: {"accuracy": {"value": 0.5 + i * k / 10}} for k, name in enumerate("abc")}
        document = {"dataset": f"d{i}", "alpha": 0.05, "files": scores}
        (place / f"d{i}.json").write_text(json.dumps(document))
    said = scored(place, "--ranks d0.json d1.json d2.json --draw ranks.png")
    assert "Nemenyi" in said
    assert (place / "ranks.png").stat().st_size > 1000


def test_what_is_wrong_is_one_line_and_nothing_is_written(place):
    for line, expected in (
        ("good.csv", "--dataset: expected the dataset"),
        ("good.csv --dataset dmeo", "did you mean 'demo'"),
        ("good.csv --dataset demo --json good.csv", "a file of its own"),
        ("none.csv --dataset demo --json no.json", "found none"),
        ("good.csv poor.csv --dataset demo --baseline god", "did you mean 'good'"),
        ("good.csv --dataset demo --margin 2", "--margin: expected a fraction"),
        ("--orders good.csv --dataset demo", "two files of one model, found 1"),
        ("--ranks good.csv --json no.json", "good.csv: expected JSON"),
    ):
        assert expected in refused(place, "score", *line.split()), line
        assert not (place / "no.json").exists()
    (place / "once.json").write_text(json.dumps({"dataset": "d", "alpha": 0.05, "files": {}}))
    for line, expected in (
        ("--ranks once.json once.json", "expected another dataset, found d again"),
        ("good.csv --dataset demo --draw no.png", "--draw: expected none without --ranks"),
        ("--ranks once.json --html no.html", "--html: expected none with --ranks"),
        ("--orders good.csv good.csv --dataset demo --md no.md", "--md: expected none with --ord"),
    ):
        assert expected in refused(place, "score", *line.split()), line
