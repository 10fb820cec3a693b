"""Which faces are shown, and that they look as stored."""

import numpy as np
import polars as pl
import torch

from clfer.explanation.faces import examples, seen
from clfer.faces.preprocessing import View
from clfer.faces.views import central

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
        assert examples(IMAGES, count)["row"].to_list() == rows
    assert examples(IMAGES, 2).columns == IMAGES.columns


def test_a_face_looks_as_stored():
    stored = torch.randint(0, 256, (2, 16, 16, 1), dtype=torch.uint8)
    found = seen(central(stored, View(resize=16, crop=16)))
    np.testing.assert_allclose(found, stored.expand(-1, -1, -1, 3) / 255, atol=1e-4)
