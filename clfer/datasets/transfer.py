"""A model trained on one dataset and scored on another: classes are matched by their names."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float

from clfer.datasets.expressions import canonical
from clfer.errors import InputError


class Shared(NamedTuple):
    """What two sets of classes have in common, and what is left out on either side."""

    classes: tuple[str, ...]  # names of expressions where they are ones, else as both have them
    of_model: tuple[int | None, ...]  # for each class of the model its place among `classes`
    of_data: tuple[int | None, ...]
    left_out_of_model: tuple[str, ...]
    left_out_of_data: tuple[str, ...]


def shared(model: Sequence[str], data: Sequence[str]) -> Shared:
    """The common classes, in the model's order. Two classes of one side may mean the same.

    InputError where fewer than two are common: there would be nothing to tell apart.
    """
    ours, theirs = (
        [canonical(name) or name.casefold() for name in names] for names in (model, data)
    )
    classes = tuple(dict.fromkeys(name for name in ours if name in theirs))
    if len(classes) < 2:
        raise InputError(
            f"classes: expected at least two that both have, the model has {', '.join(model)} and "
            f"the dataset {', '.join(data)}; take another dataset, or name its classes alike"
        )
    place = {name: i for i, name in enumerate(classes)}
    return Shared(
        classes,
        tuple(place.get(name) for name in ours),
        tuple(place.get(name) for name in theirs),
        tuple(name for name, means in zip(model, ours, strict=True) if means not in place),
        tuple(name for name, means in zip(data, theirs, strict=True) if means not in place),
    )


def restricted(
    predictions: pl.DataFrame, probability: Float[np.ndarray, "N M"], common: Shared
) -> pl.DataFrame:
    """The images of the shared classes, as `scoring.scores` takes them.

    predictions: one line per test image of the other dataset, its `label` and `target` over its own
                 classes; `row`, `group` and `unique` are passed on
    probability: what the model gives each of its M own classes

    Probabilities and targets of classes that mean the same are added, the rest is left out, and
    what remains is divided by its sum. `preferred_another` says of which images the model, had it
    the choice, would have said a class that is left out.
    """
    codes = predictions["label"].to_physical().cast(pl.Int64).to_numpy()
    label = np.array([-1 if place is None else place for place in common.of_data])[codes]
    kept = label >= 0
    model = _gathered(probability[kept], common.of_model, len(common.classes))
    target = _gathered(predictions["target"].to_numpy()[kept], common.of_data, len(common.classes))
    outside = np.array([place is None for place in common.of_model])
    names = pl.Enum(common.classes)
    distribution = pl.Array(pl.Float32, len(common.classes))
    return predictions.filter(pl.Series(kept)).select(
        "row",
        "group",
        "unique",
        label=pl.Series([common.classes[i] for i in label[kept]], dtype=names),
        target=pl.Series(target.astype(np.float32), dtype=distribution),
        probability=pl.Series(model.astype(np.float32), dtype=distribution),
        predicted=pl.Series([common.classes[i] for i in model.argmax(axis=1)], dtype=names),
        preferred_another=pl.Series(outside[probability[kept].argmax(axis=1)]),
    )


def _gathered(
    shares: Float[np.ndarray, "N M"], places: Sequence[int | None], classes: int
) -> Float[np.ndarray, "N {classes}"]:
    """Shares of the classes at their places, summing to 1; all alike where nothing is left."""
    found = np.zeros((len(shares), classes), np.float64)
    for column, place in enumerate(places):
        if place is not None:
            found[:, place] += shares[:, column]
    total = found.sum(axis=1, keepdims=True)
    return np.where(total > 0, found / np.where(total > 0, total, 1), 1 / classes)
