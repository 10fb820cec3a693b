"""The picture of training histories."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.lines import Line2D
from pictures import check_picture

from clfer.figures import history
from clfer.figures.page import legend_below, page, strokes


def frame(epochs: int, level: float) -> pl.DataFrame:
    epoch = np.arange(1, epochs + 1)
    norms = {f"gradient_{block}": level * 2.0**block / epoch for block in range(1, 5)}
    return pl.DataFrame({"epoch": epoch, "val_accuracy": 1 - 0.5 / epoch, **norms})


def test_picture(tmp_path: Path) -> None:
    runs = {"baseline": [frame(20, 1), frame(12, 1.2)], "ours": [frame(20, 3)]}
    check_picture(partial(history.draw, runs), tmp_path, (9.5, 4.6))


def test_one_epoch_and_missing_values(tmp_path: Path) -> None:
    holes = frame(3, 1).with_columns(val_accuracy=pl.lit(None), gradient_2=pl.lit(float("nan")))
    runs = {"baseline": [frame(1, 1)], "ours": [holes]}
    check_picture(partial(history.draw, runs), tmp_path, (9.5, 4.6))


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
