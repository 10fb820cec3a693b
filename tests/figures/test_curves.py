"""The pictures of training histories, and the mean over seeds behind them."""

import numpy as np
import polars as pl
import pytest
from pictures import check_picture

from clfer.figures import curves
from clfer.figures.curves import mean
from clfer.figures.style import page, strokes


def frame(epochs, level, groups=4):
    epoch = np.arange(1, epochs + 1)
    columns = {f"gradient_{block}": level * 2.0**block / epoch for block in range(1, 5)}
    for group in range(1, groups + 1):
        columns[f"gradient_2_group_{group}"] = level * 1.5**group / epoch
    columns["gradient_2_channel"] = 2.0 * level / epoch
    losses = {"loss": -1.0 / epoch, "loss_cls": level / epoch, "val_loss": level + 1 / epoch}
    return pl.DataFrame(
        {"epoch": epoch, "val_accuracy": 1 - 0.5 / epoch, **losses, **columns}, strict=False
    )


RUNS = {"baseline": [frame(20, 1), frame(12, 1.2)], "ours": [frame(20, 3)]}
HOLES = frame(3, 1).with_columns(val_accuracy=None, gradient_1=0.0, gradient_2=float("nan"))
BROKEN = {**RUNS, "short": [frame(1, 3)], "holes": [HOLES.with_columns(gradient_3=None)]}


def test_mean_over_the_epochs_that_every_seed_has():
    values = [[1.0, 2.0, 3.0], [3.0, None, 5.0], [5.0, 6.0]]
    frames = [
        pl.DataFrame({"epoch": range(1, len(one) + 1), "x": one}, strict=False) for one in values
    ]
    for some, expected in ((frames, [3.0, np.nan]), (frames[:1], values[0])):
        epochs, found = mean(some, "x")
        assert epochs.tolist() == list(range(1, len(expected) + 1))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("runs", [RUNS, BROKEN], ids=["whole", "one epoch, missing, zero"])
def test_pictures(tmp_path, runs):
    drawn = (
        (7.2, {"one", "training loss", "validation loss", *runs}, curves.draw_loss, "one"),
        (7.2, {"block 4", "group 1 (top)", "group 4 (bottom)"}, curves.draw_intensity, 2, "one"),
        (7.2, {"block 4"}, curves.draw_intensity, None, "one"),
        (9.5, {"validation accuracy (%)"}, curves.draw_history),
    )
    for place, (width, words, draw, *given) in enumerate(drawn):
        (tmp_path / str(place)).mkdir()
        said = set(check_picture(tmp_path / str(place), width, draw, runs, *given))
        assert words <= said
        assert "block 5" not in said  # a group is no block
        assert any("group" in text for text in said) == (2 in given)


@pytest.mark.parametrize(("variants", "rows"), [(4, 1), (14, 3)])
def test_a_legend_lies_within_the_page(tmp_path, variants, rows):
    names = [f"ours_number_{number}" for number in range(variants)]
    with page(tmp_path / "one.png", 9.5, 4.6) as figure:
        figure.add_subplot()
        curves.legend(figure, names, columns=8)
        figure.canvas.draw()
        (legend,) = figure.legends
        box, texts = legend.get_window_extent(), legend.get_texts()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert [text.get_text() for text in texts] == names
        assert len({round(text.get_window_extent().y0) for text in texts}) == rows


def test_every_variant_looks_different():
    names = ["baseline", *(f"variant {number}" for number in range(16))]
    assert len(set(strokes(names, "baseline").values())) == 17
