"""The pictures of loss and of learning intensity, and the mean over seeds behind both."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pictures import check_picture, words

from clfer.figures import learning_intensity, loss
from clfer.figures.curves import mean


def frame(epochs: int, level: float, groups: int = 4) -> pl.DataFrame:
    epoch = np.arange(1, epochs + 1)
    columns = {f"gradient_{block}": level * 2.0**block / epoch for block in range(1, 5)}
    for group in range(1, groups + 1):
        columns[f"gradient_2_group_{group}"] = level * 1.5**group / epoch
    losses = {"loss": -1.0 / epoch, "loss_cls": level / epoch, "val_loss": level + 1 / epoch}
    return pl.DataFrame({"epoch": epoch, **losses, **columns})


def test_mean_over_the_epochs_that_every_seed_has() -> None:
    values = [[1.0, 2.0, 3.0], [3.0, None, 5.0], [5.0, 6.0]]
    frames = [
        pl.DataFrame({"epoch": range(1, len(one) + 1), "x": one}, strict=False) for one in values
    ]
    epochs, found = mean(frames, "x")
    assert epochs.tolist() == [1, 2]
    assert found[0] == 3
    assert np.isnan(found[1])
    epochs, found = mean(frames[:1], "x")
    assert found.tolist() == [1, 2, 3]


def test_picture_of_losses(tmp_path: Path) -> None:
    runs = {"baseline": [frame(20, 1), frame(12, 1.2)], "ours": [frame(20, 3)]}
    check_picture(partial(loss.draw, runs, "Loss: demo"), tmp_path, (7.2, 3.0))
    said = words(tmp_path / "first.svg")
    assert {"Loss: demo", "training loss", "validation loss", "baseline", "ours"} <= set(said)


def test_picture_of_learning_intensity(tmp_path: Path) -> None:
    runs = {"baseline": [frame(20, 1), frame(12, 1.2)], "ours": [frame(20, 3)]}
    check_picture(partial(learning_intensity.draw, runs, 2, "one"), tmp_path, (7.2, 3.8))
    said = words(tmp_path / "first.svg")
    expected = [*(f"block {j}" for j in range(1, 5)), "group 1 (top)", "group 4 (bottom)"]
    assert set(expected) <= set(said)


@pytest.mark.parametrize("groups", [0, 4])
def test_without_groups_and_with_one_epoch_missing_and_zero(tmp_path: Path, groups: int) -> None:
    holes = frame(3, 1, groups).with_columns(gradient_1=0.0, gradient_2=pl.lit(None))
    runs = {"baseline": [frame(1, 1, groups)], "ours": [holes]}
    check_picture(partial(learning_intensity.draw, runs, None, "one"), tmp_path, (7.2, 3.8))
    assert not any("group" in text for text in words(tmp_path / "first.svg"))


def test_columns_of_blocks_and_of_groups_are_told_apart() -> None:
    history = frame(2, 1)
    assert learning_intensity.blocks(history) == [f"gradient_{j}" for j in range(1, 5)]
    assert learning_intensity.groups(history, 2) == [f"gradient_2_group_{k}" for k in range(1, 5)]
    assert learning_intensity.groups(history, 3) == []
