"""The rows as files in the formats of FER2013 and FER+ as published, and a sheet of faces."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw

from clfer.datasets.demo.canvas import SIZE
from clfer.datasets.demo.rows import Row
from clfer.datasets.expressions import FER2013, FERPLUS, FERPLUS_VOTES
from clfer.files import replacing

POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
COORDINATES = tuple(f"{point}_{axis}" for point in POINTS for axis in "xy")
COLUMNS, LABEL_WIDTH, ENLARGED = 8, 68, 2  # of the sheet


def write(raw: Path, rows: Sequence[Row], usages: Sequence[str]) -> None:
    """fer2013.csv, fer2013new.csv, landmarks.csv, faces.png; `usages` [N]: each row's split."""
    _table(raw / "fer2013.csv", ("emotion", "pixels", "Usage"), _fer2013(rows, usages))
    _table(raw / "fer2013new.csv", ("Usage", "Image name", *FERPLUS_VOTES), _ferplus(rows, usages))
    _table(raw / "landmarks.csv", ("row", *COORDINATES), _landmarks(rows))
    with replacing(raw / "faces.png") as file:
        _sheet(rows).save(file)


def _table(path: Path, header: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def _fer2013(rows: Sequence[Row], usages: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """FER2013's one label per image. Contempt and no face have no code and get neutral's."""
    for row, usage in zip(rows, usages, strict=True):
        known = row.expression if row.expression in FER2013 else "neutral"
        yield FER2013.index(known), " ".join(map(str, row.image.ravel().tolist())), usage


def _ferplus(rows: Sequence[Row], usages: Sequence[str]) -> Iterator[tuple[object, ...]]:
    """As in the real file, rows without a face have no name, and names count the others only."""
    named = 0
    for row, usage in zip(rows, usages, strict=True):
        name = "" if row.expression is None else f"fer{named:07}.png"
        named += row.expression is not None
        yield usage, name, *row.votes.tolist()


def _landmarks(rows: Sequence[Row]) -> Iterator[tuple[object, ...]]:
    for number, row in enumerate(rows):
        if row.landmarks is not None:
            yield number, *(f"{coordinate:.3f}" for coordinate in row.landmarks.ravel())


def _sheet(rows: Sequence[Row]) -> Image.Image:
    """For people to look at: the first faces of each expression, strong and faint, a line each."""
    side = SIZE * ENLARGED
    sheet = Image.new("L", (LABEL_WIDTH + COLUMNS * side, len(FERPLUS) * side), 255)
    write = ImageDraw.Draw(sheet).text
    for line, expression in enumerate(FERPLUS):
        write((4, (line + 0.45) * side), expression, fill=0)
        of_it = (row.image for row in rows if row.expression == expression)
        for column, image in enumerate(islice(of_it, COLUMNS)):
            large = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
            sheet.paste(large, (LABEL_WIDTH + column * side, line * side))
    return sheet
