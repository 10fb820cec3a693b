"""Agreement of raters with each other and with themselves, against loops and known chances."""

from math import log2

import numpy as np
import polars as pl
import pytest

from clfer.audit.images import agreement, repeated
from clfer.datasets import labels
from clfer.datasets.expressions import FERPLUS_VOTES

CLASSES = ("neutral", "happiness", "contempt")
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


def ten(votes):
    return votes and [votes[PLACES.index(i)] if i in PLACES else 0 for i in range(10)]


def table(rows):
    return pl.DataFrame(
        [(label, ten(votes)) for label, votes in rows],
        {"label": pl.Enum(CLASSES), "votes": labels.VOTES},
        orient="row",
    )


def test_the_agreement_of_raters_by_loops():
    found = agreement(table(ROWS))
    rated = [(label, votes) for label, votes in ROWS if votes and sum(votes)]
    shares = [[vote / sum(votes) for vote in votes] for _, votes in rated]
    bits = [-sum(share * log2(share) for share in one if share) for one in shares]
    same = []
    for _, votes in rated:
        raters = [column for column, vote in enumerate(votes) for _ in range(vote)]
        n = range(len(raters))
        if alike := [raters[i] == raters[j] for i in n for j in n if i != j]:
            same.append(sum(alike) / len(alike))
    assert (found["images"], found["labelled"]) == (7, 6)
    assert found["entropy"] == pytest.approx(np.mean(bits))
    assert found["pairs"] == pytest.approx(np.mean(same))
    tops = [max(votes) for _, votes in rated]
    kept = [max(votes) for label, votes in rated if label]
    assert found["top_vote"] == [
        {"votes": size, "images": tops.count(size), "labelled": kept.count(size)}
        for size in range(1, 11)
    ]
    for name in CLASSES[:2]:
        one = found["classes"][name]
        mine = [i for i, (label, _) in enumerate(rated) if label == name]
        assert one["images"] == len(mine)
        assert one["entropy"] == pytest.approx(np.mean([bits[i] for i in mine]))
        assert list(one["shares"]) == list(FERPLUS_VOTES)
        means = [sum(shares[i][k] for i in mine) / len(mine) for k in range(3)]
        assert [[*one["shares"].values()][k] for k in PLACES] == pytest.approx(means)
        assert sum(one["shares"].values()) == pytest.approx(1)
    nothing = {"images": 0, "entropy": None, "shares": dict.fromkeys(FERPLUS_VOTES)}
    assert found["classes"]["contempt"] == nothing


def test_no_votes_and_single_raters():
    assert agreement(table([("neutral", None), ("neutral", (0, 0, 0))])) is None
    assert agreement(table([("neutral", (1, 0, 0))]))["pairs"] is None


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
    found = repeated(images, "group")
    assert found["groups"] == 3
    assert found["same_label"] == pytest.approx((1 + 0 + 1 / 3) / 3)
    assert found["votes"] == {
        "identical": 0.0,
        "distance": pytest.approx((0.4 + 0.1 + 0.4) / 3),
    }
    assert found["ceiling"] == pytest.approx((4 / 9) ** 0.5)
    low, high = found["ci95"]
    assert 0 < low < found["same_label"] < high < 1


def test_the_best_guess_stays_below_the_ceiling_and_above_another_panel():
    """Panels drawn from known chances, and a model that knows these chances."""
    random = np.random.default_rng(0)
    chances = random.dirichlet([2.0, 0.6, 0.3], 4000)
    panels = [[random.choice(3, p=p) for _ in range(2)] for p in chances]
    found = repeated(
        rated(*((i, str(label), None) for i, pair in enumerate(panels) for label in pair)), "group"
    )
    best = np.mean([pair[0] == p.argmax() for p, pair in zip(chances, panels, strict=True)])
    assert found["same_label"] == pytest.approx((chances**2).sum(axis=1).mean(), abs=0.02)
    assert found["same_label"] + 0.03 < best < found["ceiling"]


def test_copied_votes_no_votes_and_no_copies():
    copied = rated((1, "calm", [7, 3]), (1, "calm", [7, 3]))
    assert repeated(copied, "group")["votes"] == {"identical": 1.0, "distance": 0.0}
    found = repeated(rated((1, "calm", None), (1, "glad", None)), "group")
    assert found["same_label"] == 0.0
    assert found["votes"] is None
    assert repeated(rated((1, "calm", None), (2, "glad", None)), "group")["groups"] == 0
