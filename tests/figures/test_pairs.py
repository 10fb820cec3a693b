"""The sheet of pairs: every face is where its caption is."""

import numpy as np
from PIL import Image

from clfer.figures.pairs import COLUMNS, GAP, HEADING, LABEL, SIDE, draw


def grey(level, channels=1):
    return np.full((48, 48, channels), level, np.uint8)


def test_faces_stand_in_rows_under_their_headings(tmp_path):
    first = [((grey(10 * i), "a"), (grey(10 * i + 5, 3), "b")) for i in range(COLUMNS + 1)]
    draw(
        {"one": first, "none": [], "two": [((grey(200), "a"), (grey(210), "b"))]},
        tmp_path / "p.png",
    )
    with Image.open(tmp_path / "p.png") as image:
        pixels = np.asarray(image)
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    y = GAP + HEADING + LABEL + SIDE // 2
    for i in range(COLUMNS):
        x = GAP + i * width + SIDE // 2
        assert (pixels[y, x] == 10 * i).all()
        assert (pixels[y, x + SIDE] == 10 * i + 5).all()
    assert (pixels[y + height, GAP + SIDE // 2] == 10 * COLUMNS).all()
    assert (pixels[y + 2 * height + HEADING, GAP + SIDE // 2] == 200).all()


def test_no_pairs_make_a_sheet_too(tmp_path):
    draw({"one": []}, tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as image:
        assert np.asarray(image).min() < 100
