"""The scores of one run."""

import json

import numpy as np
import polars as pl
import pytest
from prediction_tables import CLASSES, table
from sklearn import metrics

from clfer.errors import InputError
from clfer.scoring.scores import scores

LABEL = [0, 0, 0, 0, 1, 1, 2, 2]
PREDICTED = [0, 0, 0, 1, 1, 1, 2, 0]
UNIQUE = [True, True, False, False, True, True, True, True]


def test_numbers_by_hand() -> None:
    found = scores(table(LABEL, PREDICTED, group=[0, 0, 2, 3, 4, 5, 6, 7], unique=UNIQUE))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["images"] == 8
    assert found["accuracy"] == 0.75
    assert found["uar"] == (0.75 + 1 + 0.5) / 3
    assert found["macro_f1"] == pytest.approx((6 / 8 + 4 / 5 + 2 / 3) / 3)
    # Chance: (4 x 4 + 2 x 3 + 2 x 1) / 64 = 0.375.
    assert found["kappa"] == pytest.approx((0.75 - 0.375) / 0.625)
    assert found["ece"] == pytest.approx(0.05, abs=1e-6)
    assert found["nll"] == pytest.approx(-(6 * np.log(0.8) + 2 * np.log(0.1)) / 8, rel=1e-5)
    # All are 80 % sure, in float32 a hair more: the thirteenth of fifteen bins, (12/15, 13/15].
    bins = found["reliability"]
    assert bins["images"] == [0] * 12 + [8] + [0] * 2
    assert (bins["confidence"][12], bins["accuracy"][12]) == (pytest.approx(0.8), 0.75)
    # No votes are known: nothing to compare with.
    assert found["kl"] is found["top2"] is None
    # Groups: one of two right images (0.5), four right (0.25 each), two wrong (-0.75 each).
    assert found["accuracy_se"] == pytest.approx(
        np.sqrt((0.5**2 + 4 * 0.25**2 + 2 * 0.75**2) / 64 * 7 / 6)
    )
    # Contributions to UAR: (right - recall) / (3 x images of the class); seven groups, t(6).
    pulls = [2 * 0.25 / 12, 0.25 / 12, -0.75 / 12, 0, 0, 0.5 / 6, -0.5 / 6]
    half = 2.446911851144969 * np.sqrt(np.square(pulls).sum() * 7 / 6)
    assert found["uar_ci95"] == pytest.approx([found["uar"] - half, min(1, found["uar"] + half)])
    for metric in ("macro_f1", "ece"):
        low, high = found[f"{metric}_ci95"]
        assert 0 <= low < found[metric] < high <= 1
    assert found["classes"] == list(CLASSES)
    assert found["confusion"] == [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
    anger = found["per_class"]["anger"]
    assert (anger["support"], anger["recall"], anger["precision"]) == (2, 0.5, 1)
    assert anger["f1"] == pytest.approx(2 / 3)
    # Wilson's interval of 1 of 2 and of 1 of 1, in closed form.
    z2 = 1.959963984540054**2
    half = np.sqrt(z2 * 2 / 4 + z2**2 / 4) / (2 + z2)
    assert anger["recall_ci95"] == pytest.approx([0.5 - half, 0.5 + half])
    assert anger["precision_ci95"] == pytest.approx([1 / (1 + z2), 1])
    unique = found["duplicate_free"]
    assert unique["images"] == 6
    assert unique["accuracy"] == pytest.approx(5 / 6)
    assert unique["confusion"] == [[2, 0, 0], [0, 2, 0], [1, 0, 1]]
    assert set(unique) == set(found) - {"classes", "duplicate_free"}


def test_scores_against_votes() -> None:
    target = [[0.6, 0.4, 0], [0.5, 0.3, 0.2], [0, 1, 0], [0.2, 0.4, 0.4]]
    found = scores(
        table([0, 0, 1, 1], [1, 2, 0, 2], target=target, unique=[True, True, False, False])
    )
    # Second; third; no vote at all; shares the first place.
    assert found["top2"] == 0.5
    assert found["duplicate_free"]["top2"] == 0.5
    rows = np.full((4, 3), 0.1)
    rows[range(4), [1, 2, 0, 2]] = 0.8
    shares = np.array(target)
    by_hand = sum(
        p * np.log(p / q)
        for votes, given in zip(shares, rows, strict=True)
        for p, q in zip(votes, given, strict=True)
        if p
    )
    assert found["kl"] == pytest.approx(by_hand / 4, rel=1e-5)
    # Votes are known of the whole, so also where the rest happens to be of one mind.
    one = scores(table([0, 1], [0, 1], target=[[0.5, 0.5, 0], [0, 1, 0]], unique=[False, True]))
    assert one["duplicate_free"]["top2"] == 1


def test_scores_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(300, 5))
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label, shares = rng.integers(0, 5, 300), rng.dirichlet(np.ones(5), 300)
    predicted = probability.argmax(axis=1)
    how = {"unique": [True, False] * 150, "classes": "abcde", "target": shares}
    found = scores(table(label, predicted, **how, probability=probability))
    for part, keep in ((found, slice(None)), (found["duplicate_free"], slice(None, None, 2))):
        actual, said = label[keep], predicted[keep]
        assert part["accuracy"] == pytest.approx(metrics.accuracy_score(actual, said))
        assert part["uar"] == pytest.approx(metrics.balanced_accuracy_score(actual, said))
        assert part["macro_f1"] == pytest.approx(metrics.f1_score(actual, said, average="macro"))
        assert part["kappa"] == pytest.approx(metrics.cohen_kappa_score(actual, said))
        loss = metrics.log_loss(actual, probability[keep], labels=range(5))
        assert part["nll"] == pytest.approx(loss, rel=1e-5)
        # The raters' shares are the scores and the prediction is the truth: without ties, as here.
        best = metrics.top_k_accuracy_score(said, shares[keep], k=2, labels=range(5))
        assert part["top2"] == pytest.approx(best)


def test_one_image_one_class_and_no_unique_image() -> None:
    found = scores(table([1], [1], unique=[False]))
    json.dumps(found, allow_nan=False)
    assert found["accuracy"] == found["uar"] == found["macro_f1"] == 1
    assert found["accuracy_se"] is None
    assert found["duplicate_free"] is None
    assert found["per_class"]["anger"]["recall_ci95"] == [0, 1]


GOOD = table(LABEL, PREDICTED)
FIRST, NUMBERS = pl.int_range(pl.len()) == 0, pl.Array(pl.Float32, 3)
NAN = pl.lit([0.9, float("nan"), 0.1], NUMBERS)
BROKEN = {
    "lack the column group": GOOD.drop("group"),
    "no image": GOOD.clear(),
    "nulls": GOOD.with_columns(unique=pl.when(~FIRST).then("unique")),
    "stands twice": pl.concat([GOOD, GOOD]),
    "Enums": GOOD.with_columns(predicted=pl.col("predicted").cast(pl.Enum(CLASSES[::-1]))),
    "one a class": GOOD.with_columns(target=pl.lit([0.5, 0.5], pl.Array(pl.Float32, 2))),
    "not a distribution": GOOD.with_columns(
        probability=pl.when(FIRST).then(NAN).otherwise("probability")
    ),
    "not the most probable": GOOD.with_columns(probability=pl.lit([0.1, 0.2, 0.7], NUMBERS)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_a_broken_table_is_refused_in_words(message: str) -> None:
    with pytest.raises(InputError, match=message):
        scores(BROKEN[message])
