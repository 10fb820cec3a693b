"""Stage significance on results written by hand: what was chosen on the test images is said."""

import json

import numpy as np
import polars as pl
import pytest
from prediction_tables import table

from clfer.errors import InputError
from pipeline.significance import significance

LABEL = np.arange(60) % 3


def cell(folder, variant, seed, wrong, selected_on, watched):
    """The files that `evaluate` and `train` leave of one run with `wrong` errors."""
    predicted = np.where(np.arange(60) < wrong, (LABEL + 1) % 3, LABEL)
    results, runs = (folder / top / "toy" / variant / str(seed) for top in ("results", "runs"))
    for path in (results, runs):
        path.mkdir(parents=True)
    table(LABEL, predicted).write_parquet(results / "predictions.parquet")
    protocol = {"labels": "by hand", "duplicates": "drop", "selected_on": selected_on}
    scores = {"evidence": True, "protocol": protocol, "sources": {}}
    (results / "scores.json").write_text(json.dumps(scores))
    history = {"epoch": [1, 2], "val_accuracy": [0.6, 0.5]}
    history |= {f"gradient_{block}": [0.1, 0.2] for block in range(1, 5)}
    if watched:
        history["test_accuracy"] = [0.5, 1 - wrong / 60]
    pl.DataFrame(history).write_csv(runs / "history.csv")


def grid(folder, selected_on, watched=False):
    for seed in range(2):
        cell(folder, "baseline", seed, 12 + seed, selected_on, watched)
        cell(folder, "ours", seed, 6, selected_on, watched)
    (folder / "params.yaml").write_text(
        "run: {datasets: [toy], variants: [baseline, ours], seeds: [0, 1]}\n"
        "datasets: {toy: {}}\nvariants: {baseline: {}, ours: {}}\n"
        "significance: {alpha: 0.05, margin: 0.01, baseline: baseline}\n"
    )


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def summarised(folder):
    significance()
    return json.loads((folder / "metrics/summary.json").read_text())["datasets"]["toy"]


@pytest.mark.parametrize(
    ("selected_on", "watched"), [("val", False), ("val", True), ("test", True)]
)
def test_what_was_chosen_on_the_test_images_is_said(tmp_path, capsys, selected_on, watched):
    """With `train.watch_test` they were looked at, and chose nothing."""
    grid(tmp_path, selected_on, watched)
    toy = summarised(tmp_path)
    printed = capsys.readouterr().out
    flattered = selected_on == "test"
    assert toy["selected_on"] == selected_on
    text = (tmp_path / "metrics/summary.md").read_text()
    assert ("ptimistic" in text) is ("ptimistic" in printed) is flattered
    headline = json.loads((tmp_path / "metrics/accuracy.json").read_text())["toy"]
    assert ("optimistic_accuracy" in headline, "accuracy" in headline) == (flattered, not flattered)
    for name in ("accuracy.png", "history-toy.png", "reliability-toy.png"):
        assert (tmp_path / "plots" / name).stat().st_size
    optimistic = toy["variants"]["ours"]["optimistic"]
    if not watched:
        assert optimistic is None
        return
    assert (optimistic["val_epochs"], optimistic["test_epochs"]) == ([1, 1], [2, 2])
    assert optimistic["accuracy"]["mean"] == pytest.approx(0.9)
    assert optimistic["honest"]["mean"] == pytest.approx(0.5)
    assert optimistic["gap"] == pytest.approx(0.4)
    assert "ours 40.00 points (90.00 instead of 50.00 %)" in text


def test_runs_that_were_tested_in_different_ways_are_not_compared(tmp_path):
    grid(tmp_path, "val")
    other = tmp_path / "results/toy/ours/1/scores.json"
    other.write_text(other.read_text().replace('"val"', '"test"'))
    with pytest.raises(InputError, match=r"results/toy/ours/1: tested as .*test.*again"):
        summarised(tmp_path)
    assert not (tmp_path / "metrics").exists()


def test_a_baseline_that_is_not_in_the_grid_is_refused(tmp_path):
    grid(tmp_path, "val")
    params = tmp_path / "params.yaml"
    params.write_text(params.read_text().replace("baseline: baseline", "baseline: basline"))
    with pytest.raises(InputError, match=r"no 'basline'; did you mean 'baseline'\?"):
        summarised(tmp_path)
