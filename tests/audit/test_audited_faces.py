"""Statistics of faces and mean faces, against loops over a few of them."""

import numpy as np
import polars as pl
import pytest

from clfer.audit.images import appearance

CLASSES = ("neutral", "happiness", "contempt")
LABELS = ["neutral", "neutral", "happiness", "neutral", "happiness", "happiness"]
FACES = np.random.default_rng(0).integers(0, 256, (6, 3, 3, 3), dtype=np.uint8)


def images(outcomes=("given",) * 6, sides=((48, 48),) * 6):
    height, width = zip(*sides, strict=True)
    return pl.DataFrame(
        {
            "face": range(6),
            "label": pl.Series(LABELS, dtype=pl.Enum(CLASSES)),
            "published": ["train", "test"] * 3,
            "outcome": outcomes,
            "height": height,
            "width": width,
        }
    )


ALIGNED = pl.DataFrame(
    {
        "face": [*range(6), None, None],
        "outcome": ["given"] * 6 + ["rejected"] * 2,
        "reason": [None] * 6 + ["empty file"] * 2,
    }
)


@pytest.mark.parametrize("channels", [1, 3])
def test_brightness_contrast_and_mean_faces_by_loops(channels):
    stored = FACES[..., :channels]
    found, means = appearance(images(), ALIGNED, stored)
    assert found["outcomes"] == {"given": 6, "rejected": 2}
    assert found["rejected"] == {"empty file": 2}
    assert found["size"] == [3, 3, channels]
    assert found["lost"] is None
    weights = (0.299, 0.587, 0.114) if channels == 3 else (1,)
    for place, name in enumerate(("all", *CLASSES)):
        mine = [i for i, label in enumerate(LABELS) if name in ("all", label)]
        one = found["all"] if name == "all" else found["classes"][name]
        assert one["images"] == len(mine)
        if not mine:
            assert one["brightness"] == one["contrast"] == {"mean": None, "std": None}
            assert not means[place].any()
            continue
        grey = [
            [
                sum(w * int(v) for w, v in zip(weights, pixel, strict=True))
                for pixel in stored[i].reshape(9, -1)
            ]
            for i in mine
        ]
        for what, of in (("brightness", np.mean), ("contrast", np.std)):
            values = [of(levels) for levels in grey]
            assert one[what]["mean"] == pytest.approx(np.mean(values))
            assert one[what]["std"] == pytest.approx(np.std(values))
        np.testing.assert_array_equal(means[place], np.rint(stored[mine].mean(axis=0)))


def test_blocks_give_the_same_as_the_whole():
    whole, face = appearance(images(), ALIGNED, FACES, block=100)
    for block in (1, 2, 5):
        found, means = appearance(images(), ALIGNED, FACES, block=block)
        assert found == whole
        np.testing.assert_array_equal(means, face)


def test_poor_images_counted_by_hand():
    faces = FACES.copy()
    faces[0] = 50
    faces[1] = np.arange(90, 99).reshape(3, 3, 1)
    outcomes = ["centre", "detected", "box", "detected", "detected", "detected"]
    sides = [(48, 48), (20, 400), (300, 31), (32, 32), (48, 48), (48, 48)]
    found, _ = appearance(images(outcomes, sides), ALIGNED, faces)
    assert (found["constant"], found["faint"], found["tiny"]) == (1, 1, 2)
    assert found["lost"] == {
        "published": {"train": {"images": 2, "of": 3}, "test": {"images": 0, "of": 3}},
        "label": {"neutral": {"images": 1, "of": 3}, "happiness": {"images": 1, "of": 3}},
    }
