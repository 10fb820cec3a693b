"""What `clfer predict` writes: tables with a row per face, and annotated videos."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from clfer.errors import InputError
from clfer.files import replacing
from clfer.inference.frames import Frame
from clfer.inference.predictor import Face

BOX = ("left", "top", "width", "height")
DIGITS = 6  # of a probability
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which spreadsheets start one
CODEC = "mp4v"  # every build of OpenCV writes it

Row = dict[str, Any]
Write = Callable[[Row], None]


def row(frame: Frame, face: Face, minimum: float) -> Row:
    """A face as a table has it, its box in pixels. `label` is None where its probability is below
    `minimum`; bytes of a file name that are no UTF-8 are escaped.
    """
    return {
        "file": frame.name.encode("utf-8", "backslashreplace").decode(),
        "frame": frame.number,
        "seconds": frame.seconds,
        "box": face.box and [round(side, 2) for side in face.box],
        "detection_score": face.detection_score and round(face.detection_score, DIGITS),
        "probability": {name: round(value, DIGITS) for name, value in face.probability.items()},
        "label": face.label if face.confidence >= minimum else None,
        "confidence": round(face.confidence, DIGITS),
    }


@contextmanager
def tables(
    classes: Sequence[str],
    csv_file: Path | None = None,
    json_file: Path | None = None,
    parquet_file: Path | None = None,
) -> Iterator[Write]:
    """A function that writes a row to all files that are named. They appear when the block ends
    well, and memory does not grow with the number of rows.
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
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
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
    import polars as pl  # a seventh of a second

    schema = dict.fromkeys(_columns(classes), pl.Float32()) | {
        "file": pl.String(),
        "frame": pl.Int64(),
        "seconds": pl.Float64(),
        "label": pl.String(),
    }
    with replacing(path) as temporary, TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.csv"
        with rows.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")

            def write(one: Row) -> None:
                writer.writerow(_flat(one, classes))

            yield write
        table = pl.scan_csv(rows, schema=schema, has_header=False, raise_if_empty=False)
        table.sink_parquet(temporary)


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
    """A row in the order of the columns."""
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


class VideoWriter:
    """An MP4 that is written frame by frame, all of the first one's size."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> "VideoWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()

    def add(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """One more frame. InputError where none can be written."""
        height, width = picture.shape[:2]
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(str(self.path), code, self.rate, (width, height))
            if not self._writer.isOpened():
                raise InputError(f"{self.path}: expected to write a video there, could not")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
