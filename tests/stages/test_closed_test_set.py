"""Training never opens the test set: whatever stands there, the same model comes out."""

import numpy as np
import polars as pl
import pytest
import torch
from closure import ROOT
from safetensors.torch import load_file

from pipeline import params, paths
from pipeline.train import train

CLASSES = ("neutral", "happiness", "anger")
PARTS = ("train", "val", "test")
IMAGES = 24


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with params.yaml for a training of seconds, and a function that trains in it."""
    text = (ROOT / "params.yaml").read_text()
    for old, new in (
        ("      epochs: 12", "      epochs: 2"),
        ("      batch_size: 16\n", "      batch_size: 8\n"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLFER_DEVICE", "cpu")
    params.everything.cache_clear()
    yield tmp_path
    params.everything.cache_clear()


def write(test_seed):
    """Faces and split of a dataset, whose test images come from a seed of their own."""
    rows, faces = [], np.zeros((3 * IMAGES, 48, 48, 1), np.uint8)
    for part in PARTS:
        random = np.random.default_rng(test_seed if part == "test" else len(part))
        for i in range(IMAGES):
            row = PARTS.index(part) + 3 * i  # the parts lie mixed in the array
            label = int(random.integers(0, len(CLASSES)))
            faces[row] = random.integers(0, 256, (48, 48, 1))
            rows.append((row, row, CLASSES[label], np.eye(len(CLASSES))[label].tolist(), part))
    table = pl.DataFrame(
        rows,
        schema={
            "row": pl.Int64,
            "face": pl.Int64,
            "label": pl.Enum(CLASSES),
            "target": pl.Array(pl.Float32, len(CLASSES)),
            "split": pl.String,
        },
        orient="row",
    ).sort("row")
    for path in (paths.faces("demo"), paths.split("demo")):
        path.parent.mkdir(parents=True, exist_ok=True)
    np.save(paths.faces("demo"), faces)
    table.write_parquet(paths.split("demo"))


def trained(test_seed):
    """The weights, the history and the features of a training beside these test images."""
    write(test_seed)
    train("demo", "ours", 0)
    run = paths.run("demo", "ours", 0)
    return (
        load_file(run / "model.safetensors"),
        (run / "history.csv").read_text(),
        load_file(run / "features.safetensors"),
    )


def same(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


def test_with_selection_on_validation_the_test_images_change_nothing(checkout):
    one, other = trained(100), trained(200)
    assert same(one[0], other[0])
    assert one[1] == other[1]
    assert same(one[2], other[2])
    assert "test_accuracy" not in one[1]


def test_with_selection_on_the_test_set_they_do_and_the_history_says_so(checkout):
    path = checkout / "params.yaml"
    path.write_text(path.read_text().replace("  select:\n", "  select: test\n", 1))
    one, other = trained(100), trained(200)
    assert "test_accuracy" in one[1]
    assert one[1] != other[1]
