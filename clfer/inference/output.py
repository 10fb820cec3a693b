"""What `clfer predict` writes: tables with a row per face, and annotated videos."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from clfer.files import replacing
from clfer.inference.frames import Frame
from clfer.inference.predictor import Face

NAMES = ("file", "frame", "seconds", "box", "detection_score", "probability", "label", "confidence")
BOX = ("left", "top", "width", "height")
DIGITS = 6  # of a probability
SLOWEST = Fraction(1, 20_000)  # frames a second of a video
TICK = Fraction(1, 90_000)  # seconds in which a video counts: most rates are whole numbers of them
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # with which spreadsheets start one

Row = dict[str, Any]
Write = Callable[[Row], None]


def row(frame: Frame, face: Face, minimum: float) -> Row:
    """A face as a table has it, its box in pixels. `label` is None where its probability is below
    `minimum`.
    """
    return {
        "file": file_name(frame.name),
        "frame": frame.number,
        "seconds": frame.seconds,
        "box": face.box and [round(side, 2) for side in face.box],
        "detection_score": face.detection_score and round(face.detection_score, DIGITS),
        "probability": {name: round(value, DIGITS) for name, value in face.probability.items()},
        "label": face.label if face.confidence >= minimum else None,
        "confidence": round(face.confidence, DIGITS),
    }


def file_name(name: str) -> str:
    """A file's name in UTF-8: bytes that are none are escaped."""
    return name.encode("utf-8", "backslashreplace").decode()


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
        writers = [stack.enter_context(kind(path, classes)) for path, kind in kinds if path]

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
            name, *others = _flat(one).values()
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
    with replacing(path) as rows:  # first as text, in the place of the table
        with rows.open("w", encoding="utf-8", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")

            def write(one: Row) -> None:
                writer.writerow(_flat(one).values())

            yield write
        # of names polars takes UTF-8 alone
        with replacing(rows) as temporary, rows.open("rb") as read, temporary.open("wb") as file:
            table = pl.scan_csv(read, schema=schema, has_header=False, raise_if_empty=False)
            table.sink_parquet(file)


def _flat(one: Row) -> Row:
    """A row with a column for each side of the box and each class."""
    box = one["box"] or (None,) * len(BOX)
    nested = {
        "box": {f"box_{side}": value for side, value in zip(BOX, box, strict=True)},
        "probability": {f"probability_{name}": p for name, p in one["probability"].items()},
    }
    return {
        column: value
        for key, cell in one.items()
        for column, value in nested.get(key, {key: cell}).items()
    }


def _columns(classes: Sequence[str]) -> list[str]:
    return list(_flat(dict.fromkeys(NAMES) | {"probability": dict.fromkeys(classes)}))


@contextmanager
def film(path: Path, rate: float) -> Iterator[Callable[[UInt8[np.ndarray, "H W 3"], float], None]]:
    """A function that adds a frame, seen from a number of seconds on, to an MP4 in H.264, which
    every browser plays; all frames have the first one's size. An odd last row or column is left
    out, as H.264 has none. The file appears when the block ends well, if it has a frame.

    rate: frames a second, where they are alike; the last one is seen as long
    """
    import av  # 100 MB, and needed for nothing else

    with ExitStack() as stack:
        opened: list[Any] = []  # container and stream, once there is a frame
        shown = -1  # when the last one is, in ticks

        def add(picture: UInt8[np.ndarray, "H W 3"], seconds: float) -> None:
            nonlocal shown
            height, width = (max(side // 2 * 2, 2) for side in picture.shape[:2])
            if not opened:
                file = str(stack.enter_context(replacing(path)))
                options = {"movflags": "faststart"}
                container = stack.enter_context(av.open(file, "w", "mp4", options=options))
                per_second = max(Fraction(rate).limit_denominator(SLOWEST.denominator), SLOWEST)
                # without B-frames, or an MP4 whose frames are not alike ends too early
                faster = {"preset": "veryfast", "bf": "0"}
                stream = container.add_stream("libx264", per_second, faster)
                stream.codec_context.time_base = TICK
                stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
                opened.extend((container, stream))
            container, stream = opened
            even = np.ascontiguousarray(picture[:height, :width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            # times of a broken video may go back, or too far ahead for an MP4
            latest = shown + int(1 / SLOWEST / TICK)
            shown = min(max(round(seconds / TICK), shown + 1), latest)
            frame.pts, frame.time_base = shown, TICK
            container.mux(stream.encode(frame))

        yield add
        if opened:
            container, stream = opened
            container.mux(stream.encode())
