"""Stage align: every image's face, upright and of one size, in one array."""

from typing import Annotated

import numpy as np
import typer

from clfer.faces import packing
from clfer.faces.cropping import Alignment
from clfer.faces.detection import Detector
from clfer.faces.weights import locate
from clfer.figures import contact_sheet
from clfer.files import replacing, sha256
from clfer.scratch import fingerprint, held
from pipeline import paths, stored
from pipeline.console import say, track
from pipeline.params import dataset, settings

LABELS = ("row", "name", "landmarks", "box")


def align(name: Annotated[str, typer.Argument(metavar="DATASET")]) -> None:
    """Detect, align and pack the faces of a dataset into data/faces/DATASET.npy."""
    module = dataset(name)
    alignment = settings(Alignment, "datasets", name, "faces")
    raw = paths.existing(paths.raw(name), f"download {name}")
    labels = paths.labels(name)
    rows = stored.table(labels, f"relabel {name}", LABELS)
    find, weights = None, ""
    if alignment.detector == "insightface":
        file = locate(alignment.weights and paths.BASE / alignment.weights, track)
        find = Detector(file, alignment.threshold, alignment.turned)
        weights = f"{file.name} {sha256(file)}"
    pictures = module.pictures(raw, rows, paths.BASE)
    array = paths.faces(name)
    work = fingerprint(packing.FORMAT, name, alignment.model_dump(), weights, sha256(labels))
    with held(paths.scratch(work), f"aligning {name}"):
        table = packing.pack(pictures, rows, alignment, find, array, paths.scratch(work), track)
        with replacing(array.with_suffix(".png")) as temporary:
            contact_sheet.draw(pictures, table, np.load(array, mmap_mode="r"), temporary)
        with replacing(array.with_suffix(".parquet")) as temporary:
            table.write_parquet(temporary, metadata={"detector": weights})
    size = f"{alignment.size} x {alignment.size} x {alignment.channels}"
    lines = [f"{len(table):,} images, faces of {size}", *packing.outcomes(table)]
    say([*lines, f"to look at: {array.with_suffix('.png')}"], f"align {name}: {array}")
