"""The pictures of training histories, and the mean over seeds behind them."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.lines import Line2D
from pictures import check_picture

from clfer.figures import curves
from clfer.figures.curves import block_columns, group_columns, mean
from clfer.figures.style import legend_below, page, strokes


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
    said = check_picture(partial(curves.draw_loss, runs, "Loss: demo"), tmp_path, 7.2)
    assert {"Loss: demo", "training loss", "validation loss", "baseline", "ours"} <= set(said)


def test_picture_of_learning_intensity(tmp_path: Path) -> None:
    runs = {"baseline": [frame(20, 1), frame(12, 1.2)], "ours": [frame(20, 3)]}
    said = check_picture(partial(curves.draw_intensity, runs, 2, "one"), tmp_path, 7.2)
    expected = [*(f"block {j}" for j in range(1, 5)), "group 1 (top)", "group 4 (bottom)"]
    assert set(expected) <= set(said)


@pytest.mark.parametrize("groups", [0, 4])
def test_without_groups_and_with_one_epoch_missing_and_zero(tmp_path: Path, groups: int) -> None:
    holes = frame(3, 1, groups).with_columns(gradient_1=0.0, gradient_2=pl.lit(None))
    runs = {"baseline": [frame(1, 1, groups)], "ours": [holes]}
    said = check_picture(partial(curves.draw_intensity, runs, None, "one"), tmp_path, 7.2)
    assert not any("group" in text for text in said)


def test_columns_of_blocks_and_of_groups_are_told_apart() -> None:
    history = frame(2, 1)
    assert block_columns(history) == [f"gradient_{j}" for j in range(1, 5)]
    assert group_columns(history, 2) == [f"gradient_2_group_{k}" for k in range(1, 5)]
    assert group_columns(history, 3) == []


def past(epochs: int, level: float) -> pl.DataFrame:
    return frame(epochs, level).with_columns(val_accuracy=1 - 0.5 / pl.col("epoch"))


def test_picture_of_histories_with_one_epoch_and_missing_values(tmp_path: Path) -> None:
    holes = past(3, 1).with_columns(val_accuracy=pl.lit(None), gradient_2=pl.lit(float("nan")))
    runs = {"baseline": [past(20, 1), past(12, 1.2)], "ours": [past(1, 3)], "msr": [holes]}
    check_picture(partial(curves.draw_history, runs), tmp_path, 9.5)


@pytest.mark.parametrize(("variants", "rows"), [(4, 1), (14, 3)])
def test_a_legend_lies_within_the_page(tmp_path: Path, variants: int, rows: int) -> None:
    keys = [Line2D([], [], label=f"ours_number_{number}") for number in range(variants)]
    with page(tmp_path / "one.png", 9.5, 4.6) as figure:
        figure.add_subplot()
        legend_below(figure, keys, columns=8)
        figure.canvas.draw()
        (legend,) = figure.legends
        box, texts = legend.get_window_extent(), legend.get_texts()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert [text.get_text() for text in texts] == [key.get_label() for key in keys]
        assert len({round(text.get_window_extent().y0) for text in texts}) == rows


def test_every_variant_looks_different() -> None:
    names = ["baseline", *(f"variant {number}" for number in range(16))]
    assert len(set(strokes(names, "baseline").values())) == 17
