"""Pictures of faces, maps and groups; every small picture is where its row and column say."""

from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from pictures import check_picture, words

from clfer.figures import feature_maps, semantic_groups
from clfer.figures.montage import coloured, montage

RNG = np.random.default_rng(0)
FACES = RNG.uniform(size=(3, 32, 32, 3))
LEVELS = {name: np.array([0.5, 1.25, 0.01, 30.0]) for name in ("baseline", "ours")}


def test_each_picture_is_at_its_row_and_column() -> None:
    axes = Figure().add_subplot()
    grey = RNG.uniform(size=(2, 5))
    pictures = np.broadcast_to(grey[..., None, None, None], (2, 5, 16, 16, 3)).copy()
    places = montage(axes, [pictures[:, :1], pictures[:, 1:]], ["one", "four"])
    (image,) = axes.images
    sheet = np.asarray(image.get_array())
    left, right, bottom, top = image.get_extent()
    assert bottom > top  # the first row is the upper one
    for row in range(2):
        for column in range(5):
            x = int((places[column] - left) / (right - left) * sheet.shape[1])
            y = int((row - top) / (bottom - top) * sheet.shape[0])
            assert sheet[y, x, 0] == grey[row, column]
    assert [text.get_text() for text in axes.texts] == ["one", "four"]


def test_colours_grow_lighter_and_what_is_missing_is_white() -> None:
    found = coloured(np.array([0.0, 0.5, 1.0, np.nan]).reshape(4, 1, 1))[:, 0, 0]
    assert (np.diff(found[:3].sum(-1)) > 0).all()
    assert (found[3] == 1).all()


def test_picture_of_feature_maps(tmp_path: Path) -> None:
    maps = {name: RNG.uniform(size=(3, 4, 32, 32)) for name in LEVELS}
    draw = partial(feature_maps.draw, FACES, ["neutral", "happiness", "fear"], maps, LEVELS, "one")
    cell = min((7.2 - 0.75 - 0.55) / (9 + 2 * 0.3), 0.9)
    check_picture(draw, tmp_path, (7.2, 0.85 + 3 * cell))
    said = words(tmp_path / "first.svg")
    assert {"face", "baseline", "ours", "neutral", "1.2", "30"} <= set(said)
    assert said.count("block 4") == 2


def test_picture_of_semantic_groups(tmp_path: Path) -> None:
    maps = {"ours": RNG.uniform(size=(4, 4, 32, 32))}
    maps["ours"][2, 1:] = np.nan
    sizes = {"ours": [5, 6, 1, 52]}
    draw = partial(semantic_groups.draw, FACES[0], maps, sizes, "one")
    check_picture(draw, tmp_path, (0.9 + 0.9 * 5.3 + 0.55, 1 + 4 * 0.9))
    said = words(tmp_path / "first.svg")
    assert {"5, 6, 1, 52 channels", "group 1 (top)", "group 3", "group 4 (bottom)"} <= set(said)
