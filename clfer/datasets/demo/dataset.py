"""The demo dataset: drawn faces, rated by simulated raters, in FER2013's and FER+'s file formats.

It lets every stage run offline as on real data. Its faces are drawings: no score on them says
anything about the method.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from clfer.datasets import expressions, fer2013, votes
from clfer.datasets import labels as columns
from clfer.datasets.demo import formats, raters
from clfer.datasets.demo.rows import Row, faces_shown, row
from clfer.datasets.votefiles import read_votes
from clfer.pictures import Opened
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = False
CLASSES = expressions.FERPLUS
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}


class Source(Settings):
    """Images per split, the part of val and test that are copies, and the seed of all of it."""

    train: int = Field(gt=0)
    val: int = Field(gt=0)
    test: int = Field(gt=0)
    duplicates: float = Field(ge=0, le=0.5)
    seed: int = Field(ge=0)


class Labels(Settings):
    """The rule by which ten votes become a label."""

    mode: Literal["majority", "argmax8"]


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Draws the images; writes fer2013.csv, fer2013new.csv, landmarks.csv and faces.png into `raw`.

    The files' bytes depend on `source` alone. Returns lines for people: the expressions drawn, and
    the copies.
    """
    sizes = (source.train, source.val, source.test)
    shown = faces_shown(sizes, source.duplicates, source.seed)
    usages = [usage for usage, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    numbers = track(range(len(shown)), "drawing faces")
    rows = [row(source.seed, number, int(shown[number])) for number in numbers]
    formats.write(raw, rows, usages)
    return [*_drawn(rows, usages), _copied(shown, usages)]


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, landmarks null without a face; nothing to remark."""
    rated = read_votes(raw / "fer2013new.csv")
    rows = votes.with_labels(rated, labels.mode, CLASSES)
    joined = rows.join(landmarks(raw), on="row", how="left", maintain_order="left")
    return columns.table(joined, CLASSES), []


def landmarks(raw: Path) -> pl.DataFrame:
    """row, landmarks: x, y in px of the eyes, nose tip and mouth corners, left before right."""
    names = formats.COORDINATES
    schema = {"row": pl.Int64, **dict.fromkeys(names, pl.Float32)}
    table = pl.read_csv(raw / "landmarks.csv", schema=schema)
    return table.select("row", landmarks=pl.concat_list(names).list.to_array(len(names)))


def pictures(raw: Path, base: Path) -> Opened:
    """The images by `row` of the table."""
    faces = fer2013.faces(raw / "fer2013.csv")
    return lambda rows: faces[rows["row"].to_numpy()]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a score on this dataset is a score on."""
    return f"drawn faces, {labels.mode} of {raters.RATERS} simulated raters"


def _drawn(rows: Sequence[Row], usages: Sequence[str]) -> Iterator[str]:
    for usage, split in SPLITS.items():
        count = Counter(row.expression for row, of in zip(rows, usages, strict=True) if of == usage)
        parts = [f"{count[expression]} {expression}" for expression in CLASSES]
        parts.append(f"{count[None]} without a face")
        yield f"{split}: {count.total()} images: {', '.join(parts)}"


def _copied(shown: NDArray[np.int64], usages: Sequence[str]) -> str:
    copies = Counter((usages[row], usages[face]) for row, face in enumerate(shown) if row != face)
    pairs = [
        f"{count} {SPLITS[into]} of {SPLITS[of]}" for (into, of), count in sorted(copies.items())
    ]
    return f"exact copies, rated anew: {', '.join(pairs) or 'none'}"
