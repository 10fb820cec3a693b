"""Contact sheets: pictures and the faces cut from them, side by side."""

from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from clfer.pictures import Pictures, UnreadableError

SIDE = 96  # of a picture and of a face, in pixels of the sheet
LABEL = 14
GAP = 6
COLUMNS, ROWS = 6, 8
POINT = (230, 30, 30)


def worst(table: pl.LazyFrame) -> pl.DataFrame:
    """As many rows as a sheet has room for, of the table of `clfer.faces.packing.pack`.

    First the faces that were located, the least sure ones first. The last quarter, or what is left
    over, is for images of which only the centre or the box was taken: some show no face.
    """
    faces = table.filter(pl.col("face").is_not_null())
    guessed = pl.col("outcome").is_in(["centre", "box"])
    room = COLUMNS * ROWS
    located = _first(faces.filter(~guessed), "score", room)
    others = _first(faces.filter(guessed), pl.col("outcome") == "box", room)
    others = others.head(max(room // 4, room - len(located)))
    rows = pl.concat([located.head(room - len(others)), others])
    chosen = table.filter(pl.col("row").is_in(rows["row"].implode())).collect(engine="streaming")
    return rows.join(chosen, on="row", how="left", maintain_order="left")


def _first(faces: pl.LazyFrame, by: str | pl.Expr, room: int) -> pl.DataFrame:
    return faces.sort(by, "row").head(room).select("row").collect(engine="streaming")


def draw(
    pictures: Pictures,
    shown: pl.DataFrame,
    faces: UInt8[np.ndarray, "N S S C"],
    path: Path,
) -> None:
    """A sheet of picture and face for the rows `shown`, of which `pictures` has one each; landmarks
    are marked in the picture.
    """
    width, height = 2 * SIDE + GAP, SIDE + LABEL + GAP
    lines = -(-max(len(shown), 1) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, lines * height + GAP), "white")
    write = ImageDraw.Draw(sheet)
    for place, entry in enumerate(shown.iter_rows(named=True)):
        x = GAP + place % COLUMNS * width
        y = GAP + place // COLUMNS * height
        sheet.paste(_picture(pictures, place, entry["points"]), (x, y + LABEL))
        sheet.paste(_square(faces[entry["face"]]), (x + SIDE, y + LABEL))
        score = "" if entry["score"] is None else f" {entry['score']:.2f}"
        write.text((x, y), f"{entry['row']} {entry['outcome']}{score}", fill="black")
    sheet.save(path)


def _picture(pictures: Pictures, place: int, points: list[float] | None) -> Image.Image:
    """The picture within a square, with the landmarks that the face was aligned by."""
    square = Image.new("RGB", (SIDE, SIDE), (225, 225, 225))
    try:
        picture = Image.fromarray(pictures[place]).convert("RGB")
    except UnreadableError:
        return square
    scale = SIDE / max(picture.size)
    small = picture.resize([max(1, round(side * scale)) for side in picture.size])
    left, top = ((SIDE - side) // 2 for side in small.size)
    square.paste(small, (left, top))
    if points is not None:
        draw = ImageDraw.Draw(square)
        for x, y in np.reshape(points, (5, 2)) * scale + (left, top):
            draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=POINT)
    return square


def _square(face: UInt8[np.ndarray, "S S C"]) -> Image.Image:
    return Image.fromarray(np.squeeze(face)).convert("RGB").resize((SIDE, SIDE))
