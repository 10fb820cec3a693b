"""All that is said of a dataset, by the tool `describe` and in its JSON file."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.datasets.labels import classes
from clfer.description.balance import balance
from clfer.description.faces import appearance
from clfer.description.raters import agreement


def describe(
    table: pl.DataFrame, stored: UInt8[np.ndarray, "N S S C"]
) -> tuple[dict[str, Any], UInt8[np.ndarray, "M S S C"]]:
    """Plain values that JSON takes, and the mean faces: of all images, then of each class.

    table: of `clfer.description.rows`, its `face` an index into `stored`

    rows:    of the dataset, with or without a label
    classes: in their order
    splits:  see `clfer.description.balance`
    raters:  see `clfer.description.raters`; null where there are no votes
    faces:   see `clfer.description.faces`
    """
    faces, means = appearance(table, stored)
    found = {
        "rows": len(table),
        "classes": list(classes(table)),
        "splits": balance(table),
        "raters": agreement(table),
        "faces": faces,
    }
    return found, means
