"""Two choices of an epoch, and what the dishonest one is worth."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clfer.scoring.selection import SelectionGap, gap_over_seeds, selected_on, selection_gap

SHARE = st.integers(0, 4).map(lambda part: part / 4)


@given(st.lists(st.tuples(SHARE, SHARE), min_size=1, max_size=8))
def test_peeking_never_loses(epochs: list[tuple[float, float]]) -> None:
    val, test = zip(*epochs, strict=True)
    history = pl.DataFrame(
        {"epoch": range(1, len(val) + 1), "val_accuracy": val, "test_accuracy": test}
    )
    assert selection_gap(history.drop("test_accuracy")) is None
    # The first of equals on either side.
    honest, flattered = val.index(max(val)), test.index(max(test))
    found = selection_gap(history)
    assert found == SelectionGap(honest + 1, test[honest], flattered + 1, test[flattered])
    gap = gap_over_seeds({0: found})["gap"]
    assert gap == pytest.approx(found.test_accuracy - found.val_accuracy)
    assert gap >= 0


def test_the_gap_of_models_that_only_guess() -> None:
    """The best of E guesses on N images is a maximum of E: 1.03 standard errors at four."""
    rng = np.random.default_rng(0)
    epochs, images = 4, 400
    runs = {}
    for seed in range(400):
        test = rng.binomial(images, 0.5, epochs) / images
        history = pl.DataFrame(
            {"epoch": range(1, 5), "val_accuracy": rng.uniform(size=4), "test_accuracy": test}
        )
        runs[seed] = selection_gap(history)
    found = gap_over_seeds(runs)
    # The mean of the largest of four standard normal numbers is 1.02938.
    standard_error = 0.5 / np.sqrt(images)
    assert found["gap"] == pytest.approx(1.02938 * standard_error, rel=0.15)
    assert found["honest"]["mean"] == pytest.approx(0.5, abs=3 * standard_error / 20)


def test_on_which_images_the_epochs_were_chosen() -> None:
    assert selected_on({"selected_on": "test"}, False) == "test"
    assert selected_on({"selected_on": "val"}, False) == "val"
    assert selected_on({"selected_on": "val"}, True) == "val"  # with `train.watch_test`
    assert selected_on("in words", False) == "val"
    assert selected_on("in words", True) == "test"
