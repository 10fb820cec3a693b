"""The command line as people meet it: help at once, bad input in one line, nothing half-written."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from checkouts import SMALL_DEMO, done, edit, refused
from PIL import Image

from clfer.datasets.expressions import FERPLUS


@pytest.fixture
def checkout(tmp_path):
    edit(tmp_path)
    return tmp_path


def test_a_misspelt_or_wrong_parameter_of_the_data(checkout):
    edit(checkout, ("      duplicates: 0.08", "      duplicatess: 0.08\n      duplicates: 0.08"))
    assert "duplicatess is not a parameter; did you mean" in refused(checkout, "download", "demo")
    edit(checkout, ("      duplicatess: 0.08\n      duplicates: 0.08", "      duplicates: 1.5"))
    line = refused(checkout, "download", "demo")
    assert "datasets.demo.source.duplicates" in line
    assert "found 1.5" in line
    assert not (checkout / "data/raw/demo").exists()


def test_a_stage_before_its_time(checkout):
    for arguments in (
        ("relabel", "demo"),
        ("align", "demo"),
        ("split", "demo"),
        ("audit", "demo"),
        ("train", "demo", "ours", "0"),
        ("evaluate", "demo", "ours", "0"),
        ("significance",),
    ):
        line = refused(checkout, *arguments)
        assert "missing" in line or "found no" in line


NAMES = "Neutral Freude Überraschung Trauer Wut Ekel Angst Verachtung"
GERMAN = dict(zip(FERPLUS, NAMES.split(), strict=True))


def an_audit(checkout):
    """Its numbers are those of the split, its tables fit, and a bad option is refused."""
    printed = done(checkout, "audit", "demo")
    found = json.loads((checkout / "data/audit/demo.json").read_text())
    assert found["leakage"] == json.loads((checkout / "data/splits/demo.json").read_text())
    copied = found["leakage"]["test_copied_in_train_or_val"]
    assert f"{copied['images']} of {copied['of']} test images also stand in train" in printed
    assert "two agree" in printed
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert found["rows"] == 400
    assert found["evidence"] is False
    files = sorted(path.name for path in (checkout / "data/audit").iterdir())
    assert files == ["demo-pairs.png", "demo.json", "demo.png"]
    for picture in files[::2]:
        with Image.open(checkout / "data/audit" / picture) as image:
            assert image.size[0] > 1000
    assert "expected 0.5 to 1, found 2" in refused(checkout, "audit", "demo", "--threshold", "2")


def an_audit_of_a_model(checkout):
    """Its accuracy is the one of its scores; the package's own is known by its name."""
    model = "runs/demo/ours/0/model.safetensors"
    printed = done(checkout, "audit", "demo", "--model", model)
    assert f"{model}: its answers do not depend on" in printed
    scores = json.loads((checkout / "results/demo/ours/0/scores.json").read_text())
    assert f"{100 * scores['accuracy']:.2f}" in printed
    assert "ferplus: its answers do not" in done(checkout, "audit", "demo", "--model", "ferplus")
    assert "expected a model file" in refused(checkout, "audit", "demo", "--model", "none.onnx")


def leakage_of_one_variant(checkout):
    words = ("experiment", "leakage", "--dataset", "demo", "--variants", "msr", "--seeds", "0")
    printed = done(checkout, *words, "--dry-run")
    assert "2 of 2 cells would be trained" in printed
    assert "cells/demo/duplicates-keep/msr/0\n  cells/demo/msr/0\n" in printed


def the_same_images_under_other_names(checkout):
    """The demo's faces as a folder of image files with German classes: a model of the demo says the
    same of them, and is told that contempt is not there when that is taken away.
    """
    faces = np.load(checkout / "data/faces/demo.npy")
    split = pl.read_parquet(checkout / "data/splits/demo.parquet").filter(pl.col("split") != "val")
    folder = checkout / "data/external/folder"
    for row, face, part, label in split.select("row", "face", "split", "label").iter_rows():
        path = folder / part / GERMAN[label] / f"{row:06}.PNG"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces[face, ..., 0]).save(path)
    text = (checkout / "params.yaml").read_text()
    head, own = text.split("  folder:\n", 1)
    own = own.replace("detector: yunet", "detector: none", 1)
    own = own.replace("size: 112", "size: 48", 1).replace("channels: 3", "channels: 1", 1)
    (checkout / "params.yaml").write_text(f"{head}  folder:\n{own}")
    for stage in ("download", "relabel", "align", "split"):
        done(checkout, stage, "folder")
    split = pl.read_parquet(checkout / "data/splits/folder.parquet")
    assert split.schema["label"] == pl.Enum(list(GERMAN.values()))

    def scored(path):
        return json.loads((checkout / path / "demo/baseline/0/scores.json").read_text())

    done(checkout, "evaluate", "demo", "baseline", "0", "--on", "folder")
    own, other = scored("results"), scored("transfer/folder")
    assert other["confusion"] == own["confusion"]
    assert other["nll"] == pytest.approx(own["nll"], rel=1e-5)
    assert other["protocol"]["labels"] == "own images of 8 classes"
    assert other["transfer"]["left_out_of_model"] == other["transfer"]["left_out_of_data"] == []

    for part in ("train", "test"):
        shutil.rmtree(folder / part / "Verachtung")
    for stage in ("download", "relabel", "align", "split"):
        done(checkout, stage, "folder")
    printed = done(checkout, "evaluate", "demo", "baseline", "0", "--on", "folder")
    assert "not to be chosen, since folder does not have it: contempt" in printed
    assert scored("transfer/folder")["images"] == own["images"] - sum(own["confusion"][7])


def test_the_chain_by_single_commands(checkout):
    """A small demo from nothing to a verdict, and a split in which a class has no image."""
    edit(checkout, *SMALL_DEMO)
    cells = [("demo", "baseline", "0"), ("demo", "ours", "0")]
    for stage in ("download", "relabel", "align", "split"):
        done(checkout, stage, "demo")
    for stage in ("train", "evaluate"):
        for cell in cells:
            done(checkout, stage, *cell)
    assert "not evidence" in done(checkout, "significance")
    summary = pl.read_json(checkout / "metrics/summary.json")
    demo = summary["datasets"][0]["demo"]
    assert demo["evidence"] is False
    assert demo["variants"]["ours"]["seeds"] == [0]
    for cell in cells:
        for file in ("predictions.parquet", "scores.json", "confusion.csv", "confusion.png"):
            assert (checkout / "results" / "/".join(cell) / file).stat().st_size
    an_audit(checkout)
    an_audit_of_a_model(checkout)
    assert [p for p in checkout.rglob(".*") if p.is_file()] == []
    leakage_of_one_variant(checkout)
    the_same_images_under_other_names(checkout)

    edit(checkout, ("      val: 120", "      val: 3"))
    for stage in ("download", "relabel", "align"):
        done(checkout, stage, "demo")
    assert "are left in val" in refused(checkout, "split", "demo")
