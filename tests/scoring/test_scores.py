"""The scores of one run."""

import json

import numpy as np
import polars as pl
import pytest
from prediction_tables import CLASSES, table

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
    assert found["kl"] == pytest.approx(found["nll"], rel=1e-5)
    # Groups: one of two right images (0.5), four right (0.25 each), two wrong (-0.75 each).
    assert found["accuracy_se"] == pytest.approx(
        np.sqrt((0.5**2 + 4 * 0.25**2 + 2 * 0.75**2) / 64 * 7 / 6)
    )
    assert found["classes"] == list(CLASSES)
    assert found["confusion"] == [[3, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert found["per_class"]["anger"]["support"] == 2
    assert found["per_class"]["anger"]["recall"] == 0.5
    assert found["duplicate_free"]["images"] == 6
    assert found["duplicate_free"]["accuracy"] == pytest.approx(5 / 6)


def test_one_image_one_class_and_no_unique_image() -> None:
    found = scores(table([1], [1], unique=[False]))
    json.dumps(found, allow_nan=False)
    assert found["accuracy"] == found["uar"] == found["macro_f1"] == 1
    assert found["accuracy_se"] is None
    assert found["duplicate_free"] is None
    assert found["per_class"]["anger"]["recall_ci95"] == [0, 1]


def test_order_of_rows_does_not_matter() -> None:
    rows = table(LABEL, PREDICTED)
    shuffled = scores(rows.sample(fraction=1, shuffle=True, seed=1))
    for key, value in scores(rows).items():
        if isinstance(value, float):
            assert shuffled[key] == pytest.approx(value)
    assert shuffled["confusion"] == scores(rows)["confusion"]


def broken(change: str) -> pl.DataFrame:
    good = table(LABEL, PREDICTED)
    first = pl.int_range(pl.len()) == 0
    number = pl.Array(pl.Float32, 3)
    return {
        "lacks the column": good.drop("group"),
        "no image": good.clear(),
        "nulls": good.with_columns(unique=pl.when(~first).then("unique")),
        "stands twice": pl.concat([good, good]),
        "Enums": good.with_columns(predicted=pl.col("predicted").cast(pl.Enum(CLASSES[::-1]))),
        "one a class": good.with_columns(target=pl.lit([0.5, 0.5], pl.Array(pl.Float32, 2))),
        "not a distribution": good.with_columns(
            probability=pl.when(first)
            .then(pl.lit([0.9, float("nan"), 0.1], number))
            .otherwise("probability")
        ),
        "not the most probable": good.with_columns(probability=pl.lit([0.1, 0.2, 0.7], number)),
    }[change]


@pytest.mark.parametrize(
    "message",
    [
        "no image",
        "nulls",
        "stands twice",
        "Enums",
        "one a class",
        "not a distribution",
        "not the most probable",
    ],
)
def test_a_broken_table_is_refused_in_words(message: str) -> None:
    with pytest.raises(InputError, match=message):
        scores(broken(message))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(InputError, match="lack the column group"):
        scores(broken("lacks the column"))
