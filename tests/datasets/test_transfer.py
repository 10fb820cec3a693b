"""Scores of a model on another dataset, whose classes have other names, another order or number."""

import numpy as np
import polars as pl
import pytest

from clfer.datasets.expressions import FERPLUS, RAF_DB
from clfer.datasets.transfer import restricted, shared
from clfer.errors import InputError
from clfer.scoring.scores import scores


def images(labels, classes, targets=None):
    one_hot = [[float(name == each) for each in classes] for name in labels]
    columns = {"row": range(len(labels)), "group": range(len(labels)), "unique": True}
    return pl.DataFrame(columns).with_columns(
        label=pl.Series(labels, dtype=pl.Enum(classes)),
        target=pl.Series(targets or one_hot, dtype=pl.Array(pl.Float32, len(classes))),
    )


def test_ferplus_and_raf_db_share_seven():
    common = shared(FERPLUS, RAF_DB)
    assert common.classes == FERPLUS[:7]
    assert common.left_out_of_model == ("contempt",)
    assert common.left_out_of_data == ()
    assert [RAF_DB[i] for i in map(common.of_data.index, range(7))] == list(FERPLUS[:7])


def test_own_names_are_brought_together_and_what_is_left_is_named():
    common = shared(("glad", "Wut", "Sad"), ("angry", "GLAD", "traurig", "bored"))
    assert common.classes == ("glad", "anger", "sadness")
    assert common.of_data == (1, 0, 2, None)
    assert common.left_out_of_data == ("bored",)


def test_one_common_class_is_not_enough():
    with pytest.raises(InputError, match="at least two that both have, the model has happy, bored"):
        shared(("happy", "bored"), ("joy", "tired"))


def test_what_the_model_says_is_taken_over_the_shared_classes():
    """Worked by hand: contempt can't be said, the dataset's `bored` and its image are left out."""
    model, data = ("neutral", "happiness", "contempt"), ("joy", "bored", "calm", "neutral")
    probability = np.array([[0.2, 0.1, 0.7], [0.5, 0.3, 0.2], [0.1, 0.9, 0.0], [0.0, 0.0, 1.0]])
    targets = [[0.5, 0, 0.25, 0.25], *np.eye(4)[[1, 0, 3]].tolist()]
    rated = images(["joy", "bored", "joy", "neutral"], data, targets)
    found = restricted(rated, probability, shared(model, data))
    assert found["row"].to_list() == [0, 2, 3]
    assert found["label"].to_list() == ["happiness", "happiness", "neutral"]
    assert found["predicted"].to_list() == ["neutral", "happiness", "neutral"]
    np.testing.assert_allclose(found["probability"].to_list()[0], [2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(found["probability"].to_list()[2], [0.5, 0.5])
    np.testing.assert_allclose(found["target"].to_list()[0], [1 / 3, 2 / 3], rtol=1e-6)
    assert found["preferred_another"].to_list() == [True, False, True]
    assert scores(found)["accuracy"] == pytest.approx(2 / 3)


def test_classes_that_mean_the_same_are_added():
    model, data = ("happy", "sad", "joy"), ("happiness", "sadness")
    probability = np.array([[0.3, 0.4, 0.3]])
    found = restricted(images(["happiness"], data), probability, shared(model, data))
    assert found["predicted"].to_list() == ["happiness"]
    np.testing.assert_allclose(found["probability"].to_list()[0], [0.6, 0.4], rtol=1e-6)
