"""The demo dataset: drawn faces, rated by simulated raters, in FER2013's and FER+'s file formats.

It lets every stage run offline as on real data. Its faces are drawings: no score on them says
anything about the method.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from PIL import Image, ImageDraw
from pydantic import Field

from clfer.datasets import fer2013, votes
from clfer.datasets import labels as columns
from clfer.datasets.demo import drawing, person
from clfer.datasets.expressions import FER2013, FERPLUS, FERPLUS_VOTES, NOT_A_FACE
from clfer.datasets.votes import read_votes
from clfer.files import replacing
from clfer.pictures import Opened
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = False
CLASSES = FERPLUS
SPLITS = fer2013.SPLITS

# Shares of the drawn expressions: unbalanced as in real data, none rare. What is left has no face.
SHARES = dict(zip(CLASSES, (0.185, 0.18, 0.125, 0.115, 0.11, 0.09, 0.09, 0.09), strict=True))
GOLDEN = (5**0.5 - 1) / 2
# Every draw has a stream of its own, so that no row depends on another or on how many there are.
DRAWING, RATING, COPYING, ORDER = range(4)
POINTS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
LANDMARKS = ["row", *(f"{point}_{axis}" for point in POINTS for axis in "xy")]
COLUMNS, LABEL_WIDTH, SIDE = 8, 68, 96  # of faces.png, in px


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

    The files' bytes depend on `source` alone. Returns a line for people on each split.
    """
    sizes = (source.train, source.val, source.test)
    shown = faces_shown(sizes, source.duplicates, source.seed).tolist()
    usages = [usage for usage, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    faces = track(shown, "drawing faces")
    rows = [row(source.seed, number, face) for number, face in enumerate(faces)]
    for name, table in _tables(rows, usages).items():
        with replacing(raw / name) as file:
            table.write_csv(file, float_precision=3)
    with replacing(raw / "faces.png") as file:
        _sheet(rows[: source.train]).save(file)
    drawn = Counter((usage, row.expression) for row, usage in zip(rows, usages, strict=True))
    copies = Counter(usages[number] for number, face in enumerate(shown) if number != face)
    return [
        f"{split}: {', '.join(f'{drawn[usage, name]} {name}' for name in CLASSES)}, "
        f"{drawn[usage, None]} without a face; {copies[usage]} of them copies, rated anew"
        for usage, split in SPLITS.items()
    ]


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, landmarks null without a face; nothing to remark."""
    rated = read_votes(raw / "fer2013new.csv")
    rows = votes.with_labels(rated, labels.mode, CLASSES)
    schema = dict.fromkeys(LANDMARKS, pl.Float32()) | {"row": pl.Int64()}
    points = pl.read_csv(raw / "landmarks.csv", schema=schema)
    points = points.select("row", landmarks=pl.concat_list(LANDMARKS[1:]).list.to_array(10))
    joined = rows.join(points, on="row", how="left", maintain_order="left")
    return columns.table(joined, CLASSES), []


def pictures(raw: Path, base: Path) -> Opened:
    """The images by `row` of the table."""
    return fer2013.pictures(raw / "fer2013.csv")


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    return f"drawn faces, {labels.mode} of {person.RATERS} simulated raters"


class Row(NamedTuple):
    """One image. `expression` is what was drawn; it and `landmarks` are None without a face."""

    expression: str | None
    image: UInt8[np.ndarray, "48 48"]
    landmarks: Float[np.ndarray, "5 2"] | None  # px, in the order of POINTS
    votes: UInt8[np.ndarray, "10"]


def row(seed: int, number: int, face: int) -> Row:
    """Row `number`, showing face `face`: the same pixels in every row that shows it, rated anew."""
    rng, expression = np.random.default_rng([seed, DRAWING, face]), expression_of(seed, face)
    if expression is None:
        agreed = person.RATERS * (np.array(FERPLUS_VOTES) == NOT_A_FACE)
        return Row(None, drawing.no_face(rng), None, agreed.astype(np.uint8))
    # from faint to full, mostly above the middle; a neutral face has no strength
    strength = 0.0 if expression == "neutral" else 0.2 + 0.8 * rng.beta(1.8, 1.3)
    drawn = drawing.face(rng, expression, strength)
    raters = np.random.default_rng([seed, RATING, number])
    rated = person.votes(raters, expression, strength, drawn.hidden)
    return Row(expression, drawn.image, drawn.landmarks, rated)


def expression_of(seed: int, face: int) -> str | None:
    """The expression of face `face`; None: no face at all.

    The multiples of the golden ratio fall evenly over [0, 1) however few of them are taken, so that
    every split gets its share of every expression without anybody counting.
    """
    position = (np.random.default_rng([seed, ORDER]).random() + face * GOLDEN) % 1
    index = int(np.searchsorted(np.cumsum(list(SHARES.values())), position, side="right"))
    return [*SHARES, None][index]


def faces_shown(sizes: Sequence[int], duplicates: float, seed: int) -> Int[np.ndarray, "n"]:
    """The face that each row shows: its own number or, for a copy, that of an earlier split's row.

    sizes: images in each split, in row order. Of every split but the first, a part `duplicates` are
    copies of images that are no copies themselves.
    """
    rng, shown = np.random.default_rng([seed, COPYING]), np.arange(sum(sizes))
    for end, size in zip(np.cumsum(sizes)[1:], sizes[1:], strict=True):
        earlier, own = np.split(np.arange(end), [end - size])
        copies = rng.choice(own, round(duplicates * size), replace=False)
        shown[copies] = rng.choice(earlier[shown[earlier] == earlier], len(copies))
    return shown


def _tables(rows: Sequence[Row], usages: Sequence[str]) -> dict[str, pl.DataFrame]:
    """By file name, in the published formats, and the landmarks of the rows that have some.

    FER2013 has no code for contempt and for no face: they get neutral's. In FER+'s file a row
    without a face has no name, and the names count the others only.
    """
    codes, number = {name: code for code, name in enumerate(FER2013)}, count()
    emotions = [codes.get(row.expression or "", codes["neutral"]) for row in rows]
    pixels = [" ".join(map(str, row.image.ravel().tolist())) for row in rows]
    names = [f"fer{next(number):07}.png" if row.expression else None for row in rows]
    rated = zip(FERPLUS_VOTES, np.stack([row.votes for row in rows], 1), strict=True)
    points = {number: row.landmarks for number, row in enumerate(rows) if row.landmarks is not None}
    located = np.stack([*points.values()], axis=-1).reshape(10, -1)
    return {
        "fer2013.csv": pl.DataFrame({"emotion": emotions, "pixels": pixels, "Usage": usages}),
        "fer2013new.csv": pl.DataFrame({"Usage": usages, "Image name": names, **dict(rated)}),
        "landmarks.csv": pl.DataFrame(dict(zip(LANDMARKS, ([*points], *located), strict=True))),
    }


def _sheet(rows: Sequence[Row]) -> Image.Image:
    """For people to look at: a line for each expression, the faces on which most raters agree."""
    sheet = Image.new("L", (LABEL_WIDTH + COLUMNS * SIDE, len(CLASSES) * SIDE), 255)
    write = ImageDraw.Draw(sheet).text
    for line, expression in enumerate(CLASSES):
        write((4, (line + 0.45) * SIDE), expression, fill=0)
        of_it = [row for row in rows if row.expression == expression]
        of_it.sort(key=lambda row: int(row.votes[line]), reverse=True)
        for column, row in enumerate(of_it[:COLUMNS]):
            large = Image.fromarray(row.image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            sheet.paste(large, (LABEL_WIDTH + column * SIDE, line * SIDE))
    return sheet
