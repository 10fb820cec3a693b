"""Stage align: every image's face, upright and of one size, in one array."""

from typing import Annotated

import polars as pl
import typer

from clfer.faces.detection import Detector
from clfer.faces.packing import Alignment, outcomes, pack
from clfer.files import replacing
from pipeline import paths
from pipeline.console import say, track
from pipeline.params import dataset, settings


def align(name: Annotated[str, typer.Argument(metavar="DATASET")]) -> None:
    """Detect, align and pack the faces of a dataset into data/faces/DATASET.npy."""
    module = dataset(name)
    alignment = settings(Alignment, "datasets", name, "faces")
    find = Detector(alignment.weights) if alignment.detector == "insightface" else None
    raw = paths.existing(paths.raw(name), f"download {name}")
    labels = paths.existing(paths.labels(name), f"relabel {name}")
    rows = pl.read_parquet(labels)
    pictures = module.pictures(raw, rows, paths.BASE)
    array = paths.faces(name)
    table = pack(pictures, rows["landmarks"].to_list(), alignment, find, array, track)
    with replacing(array.with_suffix(".parquet")) as temporary:
        table.write_parquet(temporary)
    size = f"{alignment.size} x {alignment.size} x {alignment.channels}"
    say([f"{len(table):,} faces of {size}: {', '.join(outcomes(table))}"], f"align {name}: {array}")
