"""Pictures of feature maps, semantic groups and t-SNE, and the numbers behind them."""

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from pictures import check_picture

from clfer.datasets.expressions import FERPLUS
from clfer.figures import features
from clfer.figures.features import NEIGHBOURS, neighbour_agreement, tsne

RNG = np.random.default_rng(0)
MANY = tuple(f"class {number}" for number in range(20))


@pytest.mark.parametrize(
    ("faces", "epochs", "classes"),
    [(50, [1, 3, 9], FERPLUS), (900, [1, 3, 9], FERPLUS), (40, [9], MANY)],
    ids=["marks", "pixels", "fewer moments, many classes"],
)
def test_picture_of_t_sne(tmp_path, faces, epochs, classes):
    moments = {"baseline": epochs, "ours": [1, 3, 9]}
    planes = {n: {e: RNG.normal(size=(faces, 2)) for e in es} for n, es in moments.items()}
    alike = {n: {e: 0.01 * e for e in es} for n, es in moments.items()}
    label = RNG.integers(0, len(classes) - 1, faces)
    given = (planes, alike, label, classes, "one")
    said = check_picture(tmp_path, 7.2, features.draw_tsne, *given)
    assert {"epoch 9: 9 %", "baseline", "ours", *classes} <= set(said)
    assert ("<image" in (tmp_path / "first.svg").read_text()) == (faces > 500)


def test_no_two_classes_look_alike():
    looks = features._looks(60)
    assert len(set(looks)) == 60
    assert len({mark for mark, _ in looks[:8]}) == len({colour for _, colour in looks[:8]}) == 8


def clusters(count=3, each=20, width=16):
    """Points around far centres, and which is whose."""
    label = np.repeat(np.arange(count), each)
    centres = 20 * np.eye(count, width)
    return (centres[label] + RNG.normal(size=(len(label), width))).astype(np.float32), label


def test_far_clusters_stay_apart_and_twice_is_the_same():
    points, label = clusters()
    plane = tsne(points, 0)
    assert np.array_equal(plane, tsne(points, 0))
    centres = np.stack([plane[label == k].mean(0) for k in range(3)])
    distance = np.linalg.norm(plane[:, None] - centres, axis=2)
    assert (distance.argmin(1) == label).all()
    for count in (2, 3, 5):  # fewer than it has neighbours
        assert np.isfinite(tsne(points[:count], 0)).all()


def test_neighbours_of_the_same_label_against_a_loop():
    points = RNG.normal(size=(40, 3))
    label = RNG.integers(0, 3, 40)
    shares = []
    for i in range(40):
        near = sorted(
            (j for j in range(40) if j != i), key=lambda j: np.sum((points[j] - points[i]) ** 2)
        )
        shares.append(np.mean([label[j] == label[i] for j in near[:NEIGHBOURS]]))
    assert neighbour_agreement(points, label) == pytest.approx(np.mean(shares))
    assert neighbour_agreement(points[:3], np.array([0, 0, 1])) == pytest.approx(1 / 3)


def test_each_tile_is_at_its_row_and_column():
    axes = Figure().add_subplot()
    grey = RNG.uniform(size=(2, 5))
    features.tiles(axes, np.broadcast_to(grey[..., None, None, None], (2, 5, 16, 16, 3)).copy())
    sheet = np.asarray(axes.images[0].get_array())[..., 0]
    assert sheet.shape == (33, 84)  # gaps of one pixel, white
    for row, column in np.ndindex(2, 5):
        tile = sheet[17 * row : 17 * row + 16, 17 * column : 17 * column + 16]
        assert (tile == grey[row, column]).all()
        assert sheet[17 * row + 7, round(features._middles(5, 16)[column])] == grey[row, column]
    assert (sheet[16] == 1).all()
    assert (sheet[:, 16::17] == 1).all()


def test_colours_grow_lighter_and_what_is_missing_is_white():
    found = features.coloured(np.array([0.0, 0.5, 1.0, np.nan]).reshape(4, 1, 1))[:, 0, 0]
    assert (np.diff(found[:3].sum(-1)) > 0).all()
    assert (found[3] == 1).all()


def test_picture_of_feature_maps(tmp_path):
    levels = {name: np.array([0.5, 1.25, 0.01, 30.0]) for name in ("baseline", "ours")}
    shown = {name: RNG.uniform(size=(3, 4, 32, 32)) for name in levels}
    faces, words = RNG.uniform(size=(3, 32, 32, 3)), ["neutral", "happiness", "fear"]
    given = (faces, words, shown, levels, "one")
    said = check_picture(tmp_path, 7.2, features.draw_feature_maps, *given)
    assert {"face", "baseline", "ours", "neutral", "1.25", "0.01", "30"} <= set(said)
    assert said.count("block 4") == 2


def test_picture_of_semantic_groups(tmp_path):
    shown = {"ours": RNG.uniform(size=(4, 4, 32, 32))}
    shown["ours"][2, 1:] = np.nan
    given = (RNG.uniform(size=(32, 32, 3)), shown, {"ours": [5, 6, 1, 52]}, "one")
    said = check_picture(tmp_path, 2 + 5 * 0.9, features.draw_semantic_groups, *given)
    assert {"5, 6, 1, 52 channels", "group 1 (top)", "group 3", "group 4 (bottom)"} <= set(said)


def test_the_first_of_each_class_then_the_second():
    kind = pl.Enum(["happy", "none", "sad"])
    label = pl.Series(["sad", "sad", "happy", "sad", "happy", "happy"], dtype=kind)
    images = pl.DataFrame({"row": [9, 4, 7, 1, 2, 8], "label": label})
    ordered = [2, 1, 7, 4, 8, 9]
    for count, expected in ((None, 2), (1, 1), (3, 3), (9, 6)):
        chosen = features.examples(images, count)
        assert chosen["row"].to_list() == ordered[:expected]
        assert chosen.columns == images.columns
