"""Statistics of faces and the agreement of raters, against loops and known chances."""

from math import log2

import numpy as np
import polars as pl
import pytest

from clfer.audit.images import agreement, appearance, repeated
from clfer.datasets import labels
from clfer.datasets.expressions import FERPLUS_VOTES

CLASSES = ("neutral", "happiness", "contempt")
LABELS = ["neutral", "neutral", "happiness", "neutral", "happiness", "happiness"]
FACES = np.random.default_rng(0).integers(0, 256, (6, 3, 3, 3), dtype=np.uint8)
REJECTED = [(None, "rejected", "empty file")] * 2
ALIGNED = pl.DataFrame(
    [*((i, "given", None) for i in range(6)), *REJECTED],
    ["face", "outcome", "reason"],
    orient="row",
)
# label, votes for neutral, happiness, unknown
ROWS = [
    ("neutral", (8, 1, 1)),
    ("neutral", (6, 4, 0)),
    ("neutral", (10, 0, 0)),
    ("happiness", (0, 9, 0)),
    ("happiness", (1, 8, 1)),
    (None, (4, 4, 2)),
    ("neutral", (1, 0, 0)),  # a single rater
    ("happiness", None),
    ("neutral", (0, 0, 0)),
]
PLACES = [FERPLUS_VOTES.index(name) for name in ("neutral", "happiness", "unknown")]


def images(outcomes=("given",) * 6, sides=((48, 48),) * 6):
    height, width = zip(*sides, strict=True)
    label = pl.Series(LABELS, dtype=pl.Enum(CLASSES))
    rows = {"face": range(6), "label": label, "published": ["train", "test"] * 3}
    return pl.DataFrame({**rows, "outcome": outcomes, "height": height, "width": width})


@pytest.mark.parametrize(("channels", "block"), [(1, 256), (3, 256), (3, 1), (3, 5)])
def test_brightness_contrast_and_mean_faces_by_loops(channels, block):
    stored = FACES[..., :channels]
    result, means = appearance(images(), ALIGNED, stored, block=block)
    assert result["outcomes"] == {"given": 6, "rejected": 2}
    assert result["rejected"] == {"empty file": 2}
    assert result["size"] == [3, 3, channels]
    assert result["lost"] is None
    weights = (0.299, 0.587, 0.114) if channels == 3 else (1,)
    for place, name in enumerate(("all", *CLASSES)):
        mine = [i for i, label in enumerate(LABELS) if name in ("all", label)]
        one = result["all"] if name == "all" else result["classes"][name]
        grey = [[np.dot(pixel, weights) for pixel in stored[i].reshape(9, -1)] for i in mine]
        assert one["images"] == len(mine)
        for what, of in (("brightness", np.mean), ("contrast", np.std)):
            values = [of(levels) for levels in grey]
            expected = (np.mean(values), np.std(values)) if mine else (None, None)
            assert (one[what]["mean"], one[what]["std"]) == pytest.approx(expected)
        face = np.rint(stored[mine].mean(axis=0)) if mine else np.zeros((3, 3, channels))
        np.testing.assert_array_equal(means[place], face)


def test_poor_images_counted_by_hand():
    faces = FACES.copy()
    faces[0] = 50
    faces[1] = np.arange(90, 99).reshape(3, 3, 1)
    outcomes = ["centre", "detected", "box", "detected", "detected", "detected"]
    sides = [(48, 48), (20, 400), (300, 31), (32, 32), (48, 48), (48, 48)]
    result, _ = appearance(images(outcomes, sides), ALIGNED, faces)
    assert (result["constant"], result["faint"], result["tiny"]) == (1, 1, 2)
    assert result["lost"] == {
        "published": {"train": {"images": 2, "of": 3}, "test": {"images": 0, "of": 3}},
        "label": {"neutral": {"images": 1, "of": 3}, "happiness": {"images": 1, "of": 3}},
    }


def table(rows):
    kinds = {"label": pl.Enum(CLASSES), "votes": labels.VOTES}
    ten = [
        votes and [votes[PLACES.index(i)] if i in PLACES else 0 for i in range(10)]
        for _, votes in rows
    ]
    return pl.DataFrame({"label": [label for label, _ in rows], "votes": ten}, kinds)


def test_the_agreement_of_raters_by_loops():
    result = agreement(table(ROWS))
    rated = [(label, votes) for label, votes in ROWS if votes and sum(votes)]
    shares = [[vote / sum(votes) for vote in votes] for _, votes in rated]
    bits = [-sum(share * log2(share) for share in one if share) for one in shares]
    same = []
    for _, votes in rated:
        raters = [column for column, vote in enumerate(votes) for _ in range(vote)]
        n = range(len(raters))
        if alike := [raters[i] == raters[j] for i in n for j in n if i != j]:
            same.append(sum(alike) / len(alike))
    assert (result["images"], result["labelled"]) == (7, 6)
    assert result["entropy"] == pytest.approx(np.mean(bits))
    assert result["pairs"] == pytest.approx(np.mean(same))
    tops, kept = ([max(votes) for label, votes in rated if label or some] for some in (True, False))
    assert result["top_vote"] == [
        {"votes": size, "images": tops.count(size), "labelled": kept.count(size)}
        for size in range(1, 11)
    ]
    for name in CLASSES[:2]:
        one = result["classes"][name]
        mine = [i for i, (label, _) in enumerate(rated) if label == name]
        assert one["images"] == len(mine)
        assert one["entropy"] == pytest.approx(np.mean([bits[i] for i in mine]))
        means = dict.fromkeys(FERPLUS_VOTES, 0.0)
        for k, place in enumerate(PLACES):
            means[FERPLUS_VOTES[place]] = np.mean([shares[i][k] for i in mine])
        assert one["shares"] == pytest.approx(means)
    nothing = {"images": 0, "entropy": None, "shares": dict.fromkeys(FERPLUS_VOTES)}
    assert result["classes"]["contempt"] == nothing
    assert agreement(table(ROWS[-2:])) is None
    assert agreement(table(ROWS[6:7]))["pairs"] is None


def rated(*images):
    return pl.DataFrame(
        [(group, label, votes and votes + [0] * 8) for group, label, votes in images],
        {"group": pl.Int64, "label": pl.String, "votes": labels.VOTES},
        orient="row",
    )


def test_how_far_raters_agree_with_themselves_by_hand():
    images = rated(
        (1, "calm", [10, 0]),
        (1, "calm", [6, 4]),  # same label; variation 0.4
        (2, "calm", [5, 5]),
        (2, "glad", [4, 6]),  # another; 0.1
        (3, "glad", [0, 10]),  # alone
        (4, "calm", [8, 2]),
        (4, "calm", [8, 2]),
        (4, "glad", [2, 8]),  # one pair of three; variations 0, 0.6, 0.6
    )
    result = repeated(images, "group")
    assert result["groups"] == 3
    assert result["same_label"] == pytest.approx((1 + 0 + 1 / 3) / 3)
    distance = pytest.approx((0.4 + 0.1 + 0.4) / 3)
    assert result["votes"] == {"identical": 0.0, "distance": distance}
    assert result["ceiling"] == pytest.approx((4 / 9) ** 0.5)
    low, high = result["ci95"]
    assert 0 < low < result["same_label"] < high < 1


def test_the_best_guess_stays_below_the_ceiling_and_above_another_panel():
    """Panels drawn from known chances, and a model that knows these chances."""
    random = np.random.default_rng(0)
    chances = random.dirichlet([2.0, 0.6, 0.3], 4000)
    panels = [[random.choice(3, p=p) for _ in range(2)] for p in chances]
    images = [(i, str(label), None) for i, pair in enumerate(panels) for label in pair]
    result = repeated(rated(*images), "group")
    best = np.mean([pair[0] == p.argmax() for p, pair in zip(chances, panels, strict=True)])
    assert result["same_label"] == pytest.approx((chances**2).sum(axis=1).mean(), abs=0.02)
    assert result["same_label"] + 0.03 < best < result["ceiling"]


def test_copied_votes_no_votes_and_no_copies():
    copied = rated((1, "calm", [7, 3]), (1, "calm", [7, 3]))
    assert repeated(copied, "group")["votes"] == {"identical": 1.0, "distance": 0.0}
    result = repeated(rated((1, "calm", None), (1, "glad", None)), "group")
    assert (result["same_label"], result["votes"]) == (0.0, None)
    assert repeated(rated((1, "calm", None), (2, "glad", None)), "group")["groups"] == 0
