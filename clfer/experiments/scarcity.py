"""Table III: training that lacks most of one class, or all of it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clfer.datasets.expressions import canonical
from clfer.experiments.plan import Plan, Row, changed
from clfer.scoring import published

METHODS = {"baseline": "baseline", "scn": "SCN", "ours": "CL+MSR"}  # in the paper's order
KEPT = (0, 10, 30)  # percent of the class that is trained on
REJECTION = 0.25  # a prediction whose probability is lower is taken for the scarce class


def table3(
    variants: Mapping[str, Mapping[str, Any]],
    classes: Sequence[str],
    categories: Sequence[str],
    kept: Sequence[int],
) -> Plan:
    """Rows for each share kept, category and method."""
    rows = []
    for share in kept:
        for category in categories:
            named = f"{share}_" + re.sub(r"[^\w-]", "_", category)  # of a folder
            for place, (name, method) in enumerate(METHODS.items()):
                recipe = {"scarce_class": category, "scarce_kept": share / 100}
                rows.append(
                    Row(
                        (f"{share} %", category, method),
                        f"{name}_{named}",
                        changed(variants[name], recipe=recipe),
                        in_paper(share, category, place),
                        None if place == 0 else f"baseline_{named}",
                        category,
                    )
                )
    return Plan(
        title="Table III: a class that is missing or rare in training",
        question="Does the method hold up where training shows little or nothing of a class?",
        columns=("kept", "class", "method"),
        rows=rows,
        notes=(
            f"As in the paper, a prediction whose probability is below {REJECTION} is taken for "
            f"the scarce class. With {len(classes)} classes and a confident network that is rare; "
            "the last column says how many of the class's own images are found.",
            "Each difference is to the baseline of the same class and share.",
        ),
    )


def in_paper(share: int, category: str, place: int) -> dict[str, float]:
    """The paper's number, which is on RAF-DB alone."""
    listed = published.tables()["table3_category_removal"].get(str(share), {})
    found = {canonical(name): values for name, values in listed.items()}
    values = found.get(canonical(category) or category)
    return {} if values is None else {"raf_db": float(values[place])}


def rejected(predictions: pl.DataFrame, category: str, threshold: float) -> pl.DataFrame:
    """Predictions whose probability is below the threshold answered with the category instead.

    Such an answer is a decision, not a distribution: its probability becomes 1.
    """
    classes = predictions.schema["predicted"]
    assert isinstance(classes, pl.Enum)
    probability = predictions["probability"].to_numpy().copy()
    unsure = probability.max(axis=1) < threshold
    probability[unsure] = np.eye(len(classes.categories), dtype=np.float32)[
        list(classes.categories).index(category)
    ]
    return predictions.with_columns(
        pl.Series("probability", probability, predictions.schema["probability"]),
        predicted=pl.when(pl.Series(unsure))
        .then(pl.lit(category, dtype=classes))
        .otherwise("predicted"),
    )
