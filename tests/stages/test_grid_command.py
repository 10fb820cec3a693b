"""`clfer grid`: cells trained, packed, trained elsewhere, and what is said about them."""

import json
import shutil

import checkouts
import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, recall_score

from clfer.cells import plan as cells
from clfer.cells import training
from clfer.cells.results import HISTORY, PREDICTIONS
from clfer.errors import InputError
from clfer.progress import silent
from pipeline import paths
from pipeline.grid import grid
from pipeline.params import everything


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with a split and a recipe called small."""
    checkouts.checkout(tmp_path)
    checkouts.change(tmp_path, recipes={"small": checkouts.SMALL | {"epochs": 2}})
    monkeypatch.chdir(tmp_path)
    everything.cache_clear()
    yield tmp_path
    everything.cache_clear()


def run(**options):
    given = {
        "recipe": "small",
        "variants": "baseline,msr",
        "seeds": "0-1",
        "where": None,
        "to": None,
        "pack": None,
        "training": True,
        "compiled": False,
        "precision": None,
    }
    grid("demo", **{**given, **options})


def refusal(**options):
    with pytest.raises(InputError) as error:
        run(**options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_packed_trained_elsewhere_and_brought_back_it_says_what_was_measured(checkout, tmp_path):
    run(pack=tmp_path / "pack")
    pack = cells.read(tmp_path / "pack", torch.device("cpu"))
    assert training.train_cells(pack, tmp_path / "away", float("inf"), silent) == 0
    shutil.rmtree(tmp_path / "pack")
    run(where=tmp_path / "away", training=False)
    found = json.loads((tmp_path / "away/grid.json").read_text())
    truth = pl.read_parquet(paths.split("demo")).filter(pl.col("split") == "test").sort("row")
    label = truth["label"].to_physical().to_numpy()
    for variant in ("baseline", "msr"):
        scores = found["variants"][variant]
        for place, seed in enumerate((0, 1)):
            there = tmp_path / "away" / variant / str(seed)
            predicted = np.load(there / PREDICTIONS)["test"].argmax(1)
            assert scores["accuracy"]["per_seed"][place] == accuracy_score(label, predicted)
            assert scores["uar"]["per_seed"][place] == pytest.approx(
                recall_score(label, predicted, average="macro")
            )
            history = pl.read_csv(there / HISTORY)
            chosen = int(history["val_accuracy"].arg_max())
            assert scores["optimistic"]["accuracy"]["per_seed"][place] == pytest.approx(
                history["test_accuracy"].max()
            )
            assert scores["optimistic"]["honest"]["per_seed"][place] == pytest.approx(
                history["test_accuracy"][chosen]
            )
    assert found["selected_on"] == "val"
    assert found["missing"] == []
    assert found["recipe"]["batch_size"] == 12
    assert [one["a"] for one in found["comparisons"] if one["primary"]] == ["msr"]
    page = (tmp_path / "away/grid.md").read_text()
    assert "drawn faces: not evidence" in page
    assert "grid-curves.png" in page
    for name in ("curves", "confusions"):
        with Image.open(tmp_path / f"away/grid-{name}.png") as picture:
            assert picture.size[0] > 500


def test_only_what_is_missing_is_trained(checkout):
    run(seeds="0")
    first = checkout / "cells/demo/small/msr/0/cell.json"
    before = first.stat().st_mtime_ns
    run(precision="bfloat16")
    assert first.stat().st_mtime_ns == before
    assert (checkout / "cells/demo/small/msr/1/cell.json").exists()
    run(seeds="0-2", training=False)
    found = json.loads((checkout / "cells/demo/small/grid.json").read_text())
    assert found["missing"] == ["baseline 2", "msr 2"]
    page = (checkout / "cells/demo/small/grid.md").read_text()
    assert "Not trained yet: baseline 2, msr 2." in page
    for precision in ("auto", "bfloat16"):
        assert page.count(f"\n- trained on cpu, precision {precision}, ") == 1


def test_what_it_refuses(checkout):
    assert "expected cells of the grid, found none" in refusal(training=False)
    assert "did you mean 'small'?" in refusal(recipe="smal")
    assert "found 'mrs'" in refusal(variants="mrs")
    run(seeds="0", variants="baseline")
    checkouts.change(checkout, recipes={"small": checkouts.SMALL | {"epochs": 3}})
    everything.cache_clear()
    assert "recipe.epochs: expected 3, found 2" in refusal(seeds="0", variants="baseline")
    checkouts.change(checkout, recipe={"select": "test"})
    everything.cache_clear()
    assert "train.select: expected val" in refusal()
