"""One row per face, in a file."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from clfer.files import replacing
from clfer.inference.frames import Face, Frame

BOX = ("left", "top", "width", "height")
DIGITS = 6  # of a probability
PART = 4096  # rows of a Parquet file that are kept in memory
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # by which spreadsheets tell one

Row = dict[str, Any]
Write = Callable[[Row], None]


def row(frame: Frame, face: Face, minimum: float) -> Row:
    """What is known of a face, its box in pixels. `label` is None where its probability is below
    `minimum`.
    """
    return {
        "file": frame.name,
        "frame": frame.number,
        "seconds": frame.seconds,
        "box": face.box and [round(side, 2) for side in face.box],
        "detection_score": face.detection_score and round(face.detection_score, DIGITS),
        "probability": {name: round(chance, DIGITS) for name, chance in face.probability.items()},
        "label": face.label if face.confidence >= minimum else None,
        "confidence": round(face.confidence, DIGITS),
    }


@contextmanager
def files(
    classes: Sequence[str],
    csv_file: Path | None = None,
    json_file: Path | None = None,
    parquet_file: Path | None = None,
) -> Iterator[Write]:
    """A function that takes rows for all files that are named; they appear when the block ends
    well, and no memory grows with their number.
    """
    with ExitStack() as stack:
        kinds = ((csv_file, _csv), (json_file, _json), (parquet_file, _parquet))
        writers = [
            stack.enter_context(kind(path, classes)) for path, kind in kinds if path is not None
        ]

        def write(one: Row) -> None:
            for writer in writers:
                writer(one)

        yield write


@contextmanager
def _csv(path: Path, classes: Sequence[str]) -> Iterator[Write]:
    with ExitStack() as stack:
        temporary = stack.enter_context(replacing(path))
        file = stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_columns(classes))

        def write(one: Row) -> None:
            name, *others = _flat(one, classes)
            writer.writerow([f"./{name}" if name.startswith(FORMULA) else name, *others])

        yield write


@contextmanager
def _json(path: Path, classes: Sequence[str]) -> Iterator[Write]:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write("[")
        separators = (",\n" if number else "\n" for number in count())

        def write(one: Row) -> None:
            file.write(next(separators) + json.dumps(one))

        yield write
        file.write("\n]\n")


@contextmanager
def _parquet(path: Path, classes: Sequence[str]) -> Iterator[Write]:
    schema = dict.fromkeys(_columns(classes), pl.Float32()) | {
        "file": pl.String(),
        "frame": pl.Int64(),
        "seconds": pl.Float64(),
        "label": pl.String(),
    }
    with replacing(path) as temporary, TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        waiting: list[list[Any]] = []
        parts: list[Path] = []

        def put() -> None:
            parts.append(Path(folder) / f"{len(parts):06}.parquet")
            pl.DataFrame(waiting, schema, orient="row").write_parquet(parts[-1])
            waiting.clear()

        def write(one: Row) -> None:
            waiting.append(_flat(one, classes))
            if len(waiting) == PART:
                put()

        yield write
        put()
        pl.scan_parquet(parts).sink_parquet(temporary)


def _columns(classes: Sequence[str]) -> list[str]:
    return [
        "file",
        "frame",
        "seconds",
        *(f"box_{side}" for side in BOX),
        "detection_score",
        *(f"probability_{name}" for name in classes),
        "label",
        "confidence",
    ]


def _flat(one: Row, classes: Sequence[str]) -> list[Any]:
    """A row as a table has it."""
    return [
        one["file"],
        one["frame"],
        one["seconds"],
        *(one["box"] or (None,) * len(BOX)),
        one["detection_score"],
        *(one["probability"][name] for name in classes),
        one["label"],
        one["confidence"],
    ]
