"""Pictures of faces, maps and groups; every small picture is where its row and column say."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from pictures import check_picture, words

from clfer.figures import maps

RNG = np.random.default_rng(0)
FACES = RNG.uniform(size=(3, 32, 32, 3))
LEVELS = {name: np.array([0.5, 1.25, 0.01, 30.0]) for name in ("baseline", "ours")}


def test_each_picture_is_at_its_row_and_column() -> None:
    axes = Figure().add_subplot()
    grey = RNG.uniform(size=(2, 5))
    pictures = np.broadcast_to(grey[..., None, None, None], (2, 5, 16, 16, 3)).copy()
    parts = [pictures[:, :1], pictures[:, 1:]]
    maps._montage(axes, parts, ["one", "four"])
    left = maps._spots(parts)
    assert left == pytest.approx([0, 1.3, 2.36, 3.42, 4.48])  # gaps of 0.3 and 0.06
    assert axes.get_xlim() == pytest.approx((0, 5.48))
    assert axes.get_ylim() == pytest.approx((2.06, 0))  # the first row is the upper one
    found = {tuple(np.round(image.get_extent(), 9)): image for image in axes.images}
    for row in range(2):
        for column in range(5):
            x, y = left[column], row * 1.06
            image = found.pop(tuple(np.round((x, x + 1, y + 1, y), 9)))
            assert (np.asarray(image.get_array())[..., 0] == grey[row, column]).all()
    assert not found
    assert [text.get_text() for text in axes.texts] == ["one", "four"]


def test_colours_grow_lighter_and_what_is_missing_is_white() -> None:
    found = maps.coloured(np.array([0.0, 0.5, 1.0, np.nan]).reshape(4, 1, 1))[:, 0, 0]
    assert (np.diff(found[:3].sum(-1)) > 0).all()
    assert (found[3] == 1).all()


def test_picture_of_feature_maps(tmp_path: Path) -> None:
    shown = {name: RNG.uniform(size=(3, 4, 32, 32)) for name in LEVELS}
    draw = partial(
        maps.draw_feature_maps, FACES, ["neutral", "happiness", "fear"], shown, LEVELS, "one"
    )
    cell = (7.2 - 0.2 - 0.065 * len("happiness") - 0.75) / (9 + 2 * 0.3 + 6 * 0.06)
    check_picture(draw, tmp_path, (7.2, 0.6 + 3.12 * cell + 0.45))
    said = words(tmp_path / "first.svg")
    assert {"face", "baseline", "ours", "neutral", "1.25", "0.01", "30"} <= set(said)
    assert said.count("block 4") == 2


def test_picture_of_semantic_groups(tmp_path: Path) -> None:
    shown = {"ours": RNG.uniform(size=(4, 4, 32, 32))}
    shown["ours"][2, 1:] = np.nan
    sizes = {"ours": [5, 6, 1, 52]}
    draw = partial(maps.draw_semantic_groups, FACES[0], shown, sizes, "one")
    width = 0.2 + 0.065 * len("group 4 (bottom)") + 0.9 * (5 + 0.3 + 3 * 0.06) + 0.75
    check_picture(draw, tmp_path, (width, 0.6 + 0.15 + 0.9 * 4.18 + 0.45))
    said = words(tmp_path / "first.svg")
    assert {"5, 6, 1, 52 channels", "group 1 (top)", "group 3", "group 4 (bottom)"} <= set(said)


IMAGES = pl.DataFrame(
    {
        "row": [9, 4, 7, 1, 2, 8],
        "label": pl.Series(
            ["sad", "sad", "happy", "sad", "happy", "happy"],
            dtype=pl.Enum(["happy", "none", "sad"]),
        ),
    }
)


def test_the_first_of_each_class_then_the_second():
    for count, rows in (
        (None, [2, 1]),
        (1, [2]),
        (2, [2, 1]),
        (3, [2, 1, 7]),
        (9, [2, 1, 7, 4, 8, 9]),
    ):
        assert maps.examples(IMAGES, count)["row"].to_list() == rows
    assert maps.examples(IMAGES, 2).columns == IMAGES.columns
