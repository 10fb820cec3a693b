"""Training never opens the test set: whatever stands there, the same model comes out."""

import numpy as np
import polars as pl
from checkouts import CELL, change, checkout, done, files


def retrained(folder, seed):
    """The bytes that a training leaves beside these test images, which are noise."""
    path = folder / "data/faces/demo.npy"
    faces, split = np.load(path), pl.read_parquet(folder / "data/splits/demo.parquet")
    test = split.filter(pl.col("split") == "test")["face"].to_numpy()
    faces[test] = np.random.default_rng(seed).integers(0, 256, (len(test), 48, 48, 1))
    np.save(path, faces)
    done(folder, "train", *CELL)
    return files(folder, "runs")


def learned(found):
    """The weights and features without the header, which has the hash of the faces."""
    return {name: one[8 + int.from_bytes(one[:8], "little") :] for name, one in found.items()}


def test_with_selection_on_validation_the_test_images_change_nothing(tmp_path):
    folder = checkout(tmp_path)
    one, other = retrained(folder, 100), retrained(folder, 200)
    history = "runs/demo/ours/0/history.csv"
    assert one.keys() == other.keys()
    assert one.pop(history) == other.pop(history)
    assert one != other  # the card names the faces
    assert len(one) == 2
    assert learned(one) == learned(other)


def test_with_selection_on_the_test_set_they_do_and_the_history_says_so(tmp_path):
    folder = checkout(tmp_path)
    change(folder, recipe={"select": "test"})
    one, other = (retrained(folder, seed)["runs/demo/ours/0/history.csv"] for seed in (100, 200))
    assert b"test_accuracy" in one
    assert one != other
