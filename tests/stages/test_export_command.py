"""`clfer export` in a checkout: what it writes, what it says, and when it writes nothing."""

import re

import checkouts
import cv2
import numpy as np
import onnx
import polars as pl
import pytest
import torch
from checkouts import CLASSES, checkout, done
from exported_models import faces, network
from variants import CUT, OURS

from clfer.faces.preprocessing import View
from clfer.files import sha256
from clfer.inference.engines import Exported, Trained
from clfer.model import bundle
from clfer.model.bundle import card
from pipeline import export as tool

VIEW = View(resize=68, crop=64)
MODEL = "runs/demo/ours/0/model.safetensors"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    checkout(tmp_path)
    saved(tmp_path / MODEL, split_sha256=sha256(tmp_path / "data/splits/demo.parquet"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tool, "ROUNDS", {1: 1, 32: 1})
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


def saved(path, cut=CUT, classes=CLASSES, weights=None, **provenance):
    path.parent.mkdir(parents=True, exist_ok=True)
    made = weights or network(classes=len(classes)).state_dict()
    about = {"dataset": "demo", "seed": 0, **provenance}
    bundle.save(made, card(classes, "resnet10_quarter", "small", OURS, cut, VIEW, about), path)
    return path


def run(*words):
    """What it prints above the table of times, as one text; and the table."""
    text, _, times = done(".", "export", *words).partition("ms a batch")
    return " ".join(text.split()), times


def refused(*words):
    return checkouts.refused(".", "export", *words).removeprefix("error: ")


def accuracy(engine, folder):
    split = pl.read_parquet(folder / "data/splits/demo.parquet").filter(pl.col("split") == "val")
    stored = np.load(folder / "data/faces/demo.npy")[split["face"].to_numpy()]
    return float((engine(stored).argmax(1) == split["label"].to_physical().to_numpy()).mean())


def test_a_model_is_written_out_of_runs_and_answers_as_pytorch_does(folder):
    text, times = run(MODEL, "--int8", "--count", 5)
    out = folder / "exports/demo/ours"
    given = faces(9)
    whole, small = (Exported(out / name) for name in ("0.onnx", "0.int8.onnx"))
    assert np.abs(whole(given) - Trained(folder / MODEL, "cpu")(given)).max() < 1e-5
    assert text.startswith(f"export {MODEL}: exports/demo/ours/0.onnx opset 20, ")
    assert not list((folder / "runs").rglob("*onnx"))  # DVC would train it again
    assert "checked on 5 of 12 validation images of demo: largest" in text
    assert "the same label for 5 of 5 (100 %)" in text
    assert float(re.search(r"difference of a probability (\S+),", text)[1]) < 1e-4
    assert "calibrated on 24 faces" in text
    found = re.search(r"on all 12 validation images: accuracy (\S+) against (\S+),", text)
    expected = [accuracy(engine, folder) for engine in (small, whole)]
    assert [float(one) for one in found.groups()] == pytest.approx(expected, abs=1e-4)
    for name in ("onnxruntime", "onnxruntime, int8"):
        assert re.search(rf"{name}\s+│\s+\d+\.\d\s+│\s+\d+\.\d", times)
    for name in ("0.onnx", "0.int8.onnx"):
        onnx.checker.check_model(onnx.load(out / name), full_check=True)


@pytest.mark.slow
def test_test_images_change_nothing(folder):
    """Whatever they are, the files and all that is said of them are the same."""
    saved(folder / MODEL, split_sha256="that of another split")
    before, _ = run(MODEL, "--to", "first/a.onnx", "--int8")
    stored = np.load(folder / "data/faces/demo.npy")
    split = pl.read_parquet(folder / "data/splits/demo.parquet").filter(pl.col("split") == "test")
    stored[split["face"].to_numpy()] = 255 - stored[split["face"].to_numpy()]
    np.save(folder / "data/faces/demo.npy", stored)
    after, _ = run(MODEL, "--to", "second/a.onnx", "--int8")
    for name in ("a.onnx", "a.int8.onnx"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()
    assert before == after.replace("second/", "first/")
    assert "of demo (divided otherwise since: some may have been trained on): largest" in before


def test_a_folder_of_face_crops_instead(folder):
    crops = folder / "crops"
    (crops / "below").mkdir(parents=True)
    for number, face in enumerate(faces(8)):
        cv2.imwrite(str(crops / "below" / f"{number}.png"), face)
    (crops / "broken.png").write_bytes(b"\x89PNG\r\n")
    model = saved(folder / "a.safetensors", dataset=None)
    text, _ = run(model, "--faces", crops, "--int8")
    assert f"checked on 8 faces of {crops} (1 more could not be read)" in text
    assert "on the faces it was not calibrated on: the same label for" in text
    assert "of 4 (" in text
    assert "accuracy" not in text
    assert (folder / "a.onnx").exists()


def test_a_folder_that_can_be_pushed_has_model_and_card(trained_copy, folder, monkeypatch):
    monkeypatch.chdir(trained_copy)
    text, _ = run(MODEL, "--to", "faces")
    assert "to push as it is, with README.md and model.safetensors: faces" in text
    pushed = {path.name: path.read_bytes() for path in (trained_copy / "faces").iterdir()}
    assert set(pushed) == {"README.md", "model.onnx", "model.safetensors"}
    assert sha256(trained_copy / MODEL) in pushed["README.md"].decode()
    assert "clfer predict PATH --model model.onnx" in pushed["README.md"].decode()
    assert pushed["model.safetensors"] == (trained_copy / MODEL).read_bytes()
    run(MODEL, "--to", "faces")  # again
    (trained_copy / "faces/README.md").write_text("# My checkout")
    line = refused(MODEL, "--to", "faces")
    assert line == "faces/README.md: expected a folder for a model, found another page there"
    monkeypatch.chdir(folder)
    line = refused(MODEL, "--to", "faces")
    assert (
        "model_card.md: expected the card of runs/demo/ours/0/model.safetensors, found none" in line
    )
    assert not (folder / "faces").exists()


def test_a_network_that_does_not_answer_alike_is_not_written(folder):
    """Its weights are no numbers, so neither are its answers."""
    weights = network(classes=len(CLASSES)).state_dict()
    weights["classifier.weight"] = torch.full_like(weights["classifier.weight"], torch.nan)
    saved(folder / MODEL, weights=weights)
    (folder / "old.onnx").write_bytes(b"what stood there")
    line = refused(MODEL, "--to", "old.onnx")
    assert "expected onnxruntime to say what PyTorch says within 0.0001, found nan" in line
    assert (folder / "old.onnx").read_bytes() == b"what stood there"


def test_what_it_refuses(folder):
    assert "is missing" in refused("none.safetensors")
    (folder / "file").touch()
    assert "expected a place to read and write" in refused(MODEL, "--to", "file/a.onnx")
    saved(folder / MODEL, cut=CUT.model_copy(update={"size": 64}))
    assert "expected faces [64, 64, 1] of" in refused(MODEL)
    saved(folder / MODEL, classes=("a", "b", "c"))
    assert "of a, b, c, as" in refused(MODEL)
    (folder / "data/faces/demo.npy").unlink()
    line = refused(MODEL)
    assert line.startswith("data/faces/demo.npy is missing, and faces are needed to check on; ")
    assert "--faces FOLDER" in line
    saved(folder / MODEL, dataset="../../etc")
    assert "names its dataset, found none; give face crops to check on by" in refused(MODEL)
    (folder / "empty").mkdir()
    assert "expected pictures" in refused(MODEL, "--faces", "empty")
    (folder / "empty" / "a.png").write_bytes(b"no picture")
    assert "found none among 1 files that can be read" in refused(MODEL, "--faces", "empty")
    cv2.imwrite(str(folder / "empty/b.png"), faces(1)[0])
    assert "expected two face crops" in refused(MODEL, "--faces", "empty", "--int8")
    assert not list((folder / "runs").rglob("*onnx"))
    (folder / MODEL).unlink()
    assert "expected the name of a .safetensors, found" in refused()
