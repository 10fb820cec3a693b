"""`clfer experiment`: cells trained here or elsewhere, and what is written about them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import checkouts
import numpy as np
import polars as pl
import pytest
import torch
from bundles import refusal
from checkouts import environment
from PIL import Image
from recipes import PARAMS
from sklearn.metrics import accuracy_score, recall_score

from clfer.training import cells, pack
from clfer.training.cells import FEATURES, HISTORY, MODEL
from pipeline import params, paths
from pipeline.experiment import experiment
from pipeline.params import everything

SMALL = checkouts.SMALL | {"epochs": 2, "watch_test": True}
PAPER = PARAMS["recipes"]["paper"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a split, a recipe called small, and the cells of Table VI."""
    folder = checkouts.checkout(tmp_path_factory.mktemp("experiment") / "checkout")
    checkouts.change(folder, recipes={"paper": PAPER, "small": SMALL})
    words = ("--dataset", "demo", "--recipe", "small", "--seeds", "0")
    checkouts.done(folder, "experiment", "table6", *words)
    return folder


@pytest.fixture
def checkout(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made, tmp_path / "checkout")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CLFER_DEVICE", "cpu")
    return folder


def run(name="comparison", **options):
    given = {"recipe": "small", "variants": "baseline,msr", "seeds": "0-1"}
    experiment(name, dataset="demo", **{**given, **options})


def truth():
    """The labels of the test images, as the columns of the predictions."""
    test = pl.read_parquet(paths.split("demo")).filter(pl.col("split") == "test").sort("row")
    return test["label"].to_physical().to_numpy()


def document(name):
    return json.loads(paths.table("demo", name).read_text())


def test_whoever_trains_a_cell_the_same_bytes_come_out(trained_copy):
    """The stages of DVC, an experiment, and a pack on a machine without them."""
    folder = trained_copy
    words = ("experiment", "comparison", "--dataset", "demo", "--variants", "ours", "--seeds", "0")
    for more in ((), ("--pack", "pack")):
        checkouts.done(folder, *words, *more)
    command = [sys.executable, "-m", "clfer.training", "pack", "away"]
    done = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True)
    assert done.returncode == 0, done.stderr
    stage, own, away = (folder / one / "ours/0" for one in ("runs/demo", "cells/demo", "away"))
    for name in (MODEL, HISTORY, FEATURES):
        assert (stage / name).read_bytes() == (own / name).read_bytes()
        assert (stage / name).read_bytes() == (away / name).read_bytes()
    evaluated = pl.read_parquet(folder / "results/demo/ours/0/predictions.parquet")
    for one in (own, away):
        found = np.load(one / cells.PREDICTIONS)["test"]
        assert np.array_equal(found, evaluated["probability"].to_numpy())


def test_packed_trained_elsewhere_and_brought_back_it_says_what_was_measured(checkout, tmp_path):
    run(pack=tmp_path / "pack")
    data, chosen = pack.read(tmp_path / "pack", torch.device("cpu"))
    assert cells.train_cells(chosen, data, tmp_path / "away") == 0
    shutil.rmtree(tmp_path / "pack")
    run(folder=tmp_path / "away", training=False, to=tmp_path / "page")
    found = json.loads((tmp_path / "page.json").read_text())
    label = truth()
    for variant in ("baseline", "msr"):
        scores = found["variants"][variant]
        for place, seed in enumerate((0, 1)):
            there = tmp_path / "away" / variant / str(seed)
            predicted = np.load(there / cells.PREDICTIONS)["test"].argmax(1)
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
    page = (tmp_path / "page.md").read_text()
    assert "drawn faces: not evidence" in page
    assert "page-curves.png" in page
    for name in ("curves", "confusions"):
        with Image.open(tmp_path / f"page-{name}.png") as picture:
            assert picture.size[0] > 500


def test_only_what_is_missing_is_trained(checkout, capsys):
    run(seeds="0")  # msr alone
    first = checkout / "cells/demo/small/msr/0/cell.json"
    before = first.stat().st_mtime_ns
    run(dry_run=True)
    assert "2 of 4 cells would be trained" in capsys.readouterr().out
    run(precision="bfloat16")
    assert first.stat().st_mtime_ns == before
    assert (checkout / "cells/demo/small/msr/1/cell.json").exists()
    run(seeds="0-2", training=False)
    found = document("comparison")
    assert found["missing"] == ["baseline 2", "msr 2"]
    page = (checkout / "tables/demo/comparison.md").read_text()
    assert "Not trained yet: baseline 2, msr 2." in page
    for precision in ("auto", "bfloat16"):
        assert page.count(f"\n- trained on cpu, precision {precision}, ") == 1


def test_what_it_refuses(checkout):
    assert "expected cells of this experiment, found none" in refusal(
        run, training=False, folder=checkout / "empty"
    )
    assert "did you mean 'small'?" in refusal(run, recipe="smal")
    assert "--variants: there is no 'mrs'; did you mean 'msr'?" in refusal(run, variants="mrs")
    assert "significance.baseline, among the variants" in refusal(run, variants="msr,ours")
    run(dry_run=True, pack=checkout / "pack")
    assert not (checkout / "pack").exists()
    for name in (HISTORY, cells.PREDICTIONS):
        part = checkout / "cells/demo/small/ours/0" / name
        part.rename(checkout / name)
        assert f"{name} is missing; delete the cell" in refusal(
            run, "table6", variants=None, seeds="0"
        )
        (checkout / name).rename(part)
    checkouts.change(checkout, recipes={"paper": PAPER, "small": SMALL | {"epochs": 3}})
    everything.cache_clear()
    for more in ({}, {"dry_run": True}):
        assert "recipe.epochs: expected 3, found 2" in refusal(
            run, seeds="0", variants="baseline", **more
        )


def test_overrides_are_read_and_the_file_stays(checkout):
    before = (checkout / "params.yaml").read_bytes()
    changed = ["recipes.small.epochs=1", "significance.alpha=0.1", "run.seeds=[3]"]
    run(variants="baseline", seeds=None, set_param=changed)
    found = document("comparison")
    assert found["recipe"]["epochs"] == 1
    assert found["variants"]["baseline"]["seeds"] == [3]
    assert (checkout / "params.yaml").read_bytes() == before
    assert params.block("run", "seeds") == [0, 1, 2]
    assert "-S: expected settings of params.yaml such as" in refusal(run, set_param=["train"])
    assert "params.yaml has no 'train'" in refusal(run, set_param=["~train"])
    for wrong in ("run.seeds=range(0,3)", "train.lr=???"):
        assert f"such as train.lr=0.002, found {wrong}: " in refusal(run, set_param=[wrong])
    for wrong, near in (
        ("trian.lr=0.1", "has no 'trian.lr'; did you mean 'train.lr'?"),
        ("zzz=1", "has no 'zzz'; +zzz=VALUE adds it"),
        ("variants.our={}", "did you mean 'variants.ours'? +variants.our=VALUE adds it"),
        ("run.variants=[baseline,our]", "no 'our' in variants; did you mean 'ours'?"),
        ("run.datasets=[dmeo]", "no 'dmeo' in datasets; did you mean 'demo'?"),
    ):
        assert near in refusal(run, set_param=[wrong])
    for prepared in ("datasets.demo.source.train=3", "split.seed=1"):
        assert "by which data are prepared" in refusal(run, set_param=[prepared])
    assert params.block("run", "seeds") == [0, 1, 2]


def test_a_table_of_the_paper(checkout):
    table = document("table6")
    assert [cell["variant"] for cell in table["cells"]] == ["baseline", "class_center", "ours"]
    for cell in table["cells"]:
        there = checkout / "cells/demo/small" / cell["variant"] / "0"
        predicted = np.load(there / cells.PREDICTIONS)["test"].argmax(1)
        assert cell["accuracy"]["mean"] == pytest.approx(accuracy_score(truth(), predicted))
    page = checkout / "tables/demo/table6.md"
    assert "89.15" in page.read_text()
    assert "Not trained yet" not in page.read_text()
    run("table6", variants="baseline,ours", training=False)
    assert "Not trained yet: baseline 1, ours 1." in page.read_text()


def test_learning_intensity_is_drawn_from_the_cells(checkout):
    run("figure5", seeds="0", variants=None, training=False)
    columns = document("figure5")["columns"]
    assert any(column.startswith("gradient of block 2") for column in columns)
    about = json.loads((checkout / "figures/demo/learning_intensity.json").read_text())
    assert about["variants"] == ["baseline", "ours"]
    assert not (checkout / "runs").exists()


def test_what_a_head_with_the_batchs_mean_would_score(checkout):
    run("transduction", variants="baseline,msr", seeds="0-1", batches="5", orders="file,sorted")
    told, label = document("transduction"), truth()
    for name, scored in told["variants"].items():
        accuracies = {"honest": [], "file": [], "sorted": []}
        for seed in told["seeds"][name]:
            folder = checkout / "cells/demo/small" / name / str(seed)
            with np.load(folder / "predictions.npz") as kept:
                test, prior = np.log(kept["test"]), np.log(kept["val"]).mean(axis=0)
            accuracies["honest"].append(accuracy_score(label, test.argmax(axis=1)))
            for order in ("file", "sorted"):
                rows = sorted(range(len(label)), key=lambda i: label[i] * (order == "sorted"))
                right = []
                for start in range(0, len(rows), 5):
                    batch = rows[start : start + 5]
                    logits = test[batch] + test[batch].mean(axis=0) - prior
                    right += list(logits.argmax(axis=1) == label[batch])
                accuracies[order].append(np.mean(right))
        assert scored["honest"] == pytest.approx(np.mean(accuracies["honest"]))
        for order in ("file", "sorted"):
            assert scored[order] == {"5": pytest.approx(np.mean(accuracies[order]))}
    assert (checkout / "tables/demo/transduction.png").stat().st_size > 1000
    names = ("surprise", "neutral", "happiness")  # RAF-DB's classes 1, 7 and 4
    followed = [names[i % 3] for i in range(12)]
    codes = {name: {"surprise": 1, "neutral": 7, "happiness": 4}[name] for name in names}
    listed = [f"test_{i:04}.jpg {codes[name]}\n" for i, name in enumerate(followed)]
    (checkout / "list.txt").write_text("train_00001.jpg 5\n" + "".join(listed))
    run(
        "transduction",
        variants="baseline",
        seeds="0",
        batches="1",
        orders="file",
        like=Path("list.txt"),
    )
    assert set(document("transduction")["variants"]["baseline"]["RAF-DB's"]) == {"honest", "1"}
    (checkout / "list.txt").write_text("test_0001.jpg 5\n")
    assert "RAF-DB's list_patition_label.txt" in refusal(run, "transduction", like=Path("list.txt"))
    assert "--orders: there is no 'backwards'" in refusal(run, "transduction", orders="backwards")
    assert "--batches: expected sizes of 1 or more" in refusal(run, "transduction", batches="0")
