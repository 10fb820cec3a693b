"""What copies of test images in training are worth: the same variants with and without them, on the
same test images.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from clfer.errors import InputError
from clfer.experiments.plan import Plan, Row
from clfer.experiments.result import result
from clfer.scoring.grid import Run

# The test images that are scored, by whether an identical one stands in another split.
SUBSETS = {
    "all": pl.lit(True),
    "with a copy elsewhere": ~pl.col("unique"),
    "without": pl.col("unique"),
}


def plan(variants: Sequence[str]) -> Plan:
    """Rows for each subset and variant: copies kept, then dropped."""
    return Plan(
        title="Leakage: copies of test images in training",
        question="By how much do copies of test images in training flatter the accuracy?",
        columns=("test images", "variant", "copies in training"),
        rows=[
            Row(
                (subset, variant, "kept" if kept else "dropped"),
                named(variant, kept),
                {},
                against=named(variant, False) if kept else None,
            )
            for subset in SUBSETS
            for variant in variants
            for kept in (True, False)
        ],
        notes=(
            "A difference is what keeping the copies adds, with the same seeds on the same test "
            "images. With them there are also more training images: the images without a copy "
            "elsewhere show what that alone is worth.",
        ),
    )


def named(variant: str, kept: bool) -> str:
    """The name of a variant by how it was trained."""
    return f"{variant}, copies {'kept' if kept else 'dropped'}"


def results(
    asked: Plan, kept: Sequence[Run], dropped: Sequence[Run], alpha: float
) -> list[dict[str, Any]]:
    """The entries of `result`, subset by subset. Raises InputError where a subset has no image."""
    runs = [
        replace(run, variant=named(run.variant, one))
        for one, both in ((True, kept), (False, dropped))
        for run in both
    ]
    entries = []
    for subset, chosen in SUBSETS.items():
        some = [replace(run, predictions=run.predictions.filter(chosen)) for run in runs]
        if some[0].predictions.is_empty():
            raise InputError(
                f"{asked.title}: expected test images {subset}, found none: this dataset has no "
                "copies to measure"
            )
        rows = [row for row in asked.rows if row.label[0] == subset]
        entries += result(replace(asked, rows=rows), some, alpha)
    return entries
