"""Stage split: which image trains, which validates, which tests, and what leaks between them."""

import json
from typing import Annotated

import numpy as np
import polars as pl
import typer

from clfer import labels as columns
from clfer.audit import leakage as audit
from clfer.files import replacing
from clfer.splits import Split
from clfer.splits import split as divide
from pipeline import paths
from pipeline.console import say
from pipeline.params import dataset, settings


def split(name: Annotated[str, typer.Argument(metavar="DATASET")]) -> None:
    """Cache the split of a dataset, free of copies across its parts, with an audit beside it."""
    module = dataset(name)
    chosen = settings(Split, "split")
    array = paths.existing(paths.faces(name), f"align {name}")
    labels = paths.existing(paths.labels(name), f"relabel {name}")
    faces = pl.read_parquet(array.with_suffix(".parquet"))
    table = (
        pl.read_parquet(labels, columns=["row", "usage", "label", "target"])
        .join(faces.select("row", "face"), on="row", how="left", maintain_order="left")
        .with_columns(pl.col("usage").replace_strict(module.SPLITS).alias("published"))
        .drop("usage")
    )
    divided = divide(table, np.load(array, mmap_mode="r"), columns.classes(table), chosen)
    found = audit.leakage(divided)
    target = paths.split(name)
    with replacing(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(found, indent=2) + "\n")
    with replacing(target) as temporary:
        divided.write_parquet(temporary, metadata=columns.about(labels))
    say(audit.describe(found), f"split {name}: {target}")
