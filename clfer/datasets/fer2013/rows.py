"""FER2013's csv, row by row: an emotion, 48 x 48 grey levels as words, and what the row is for."""

import io
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int8, UInt8

from clfer.datasets.expressions import FER2013 as EMOTIONS
from clfer.errors import InputError

SIDE = 48
PIXELS = SIDE * SIDE
USAGE = ("Training", "PublicTest", "PrivateTest")
COLUMNS = ("emotion", "pixels", "usage")
PIXEL_BYTES = b"0123456789 \t\r\x0b\x0c"  # digits, and the blanks that divide words

# A row has about 8,400 bytes. What is longer is cut, and then has the wrong number of columns.
LONGEST_LINE = 1 << 16


class Fer2013(NamedTuple):
    """FER2013 in row order: `emotion` codes of `expressions.FER2013`, `usage` words of USAGE."""

    pixels: UInt8[np.ndarray, "N 48 48"]
    emotion: Int8[np.ndarray, "N"]
    usage: list[str]


def parse(file: io.BufferedIOBase, source: str) -> Fer2013:
    """The whole table. Its columns stand in any order, blanks around their names are ignored.

    InputError names `source`, the row (from 0, as everywhere) and its line in the file.
    """
    pixels, emotion, usage = bytearray(), bytearray(), []
    order = _order(file.readline(LONGEST_LINE), source)
    for row, (line, text) in enumerate(_lines(file)):
        try:
            code, face, use = _row(text, order)
        except ValueError as fault:
            raise InputError(f"{source} row {row} (line {line}): {fault}; fetch it again") from None
        pixels += face
        emotion.append(code)
        usage.append(use)
    if not usage:
        raise InputError(f"{source}: expected rows below the header, found none; fetch it again")
    faces = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    return Fer2013(faces, np.frombuffer(emotion, np.int8), usage)


def _order(header: bytes, source: str) -> list[int]:
    """Where each of COLUMNS stands, and then how many columns there are."""
    text = header.decode("utf-8-sig", "replace")
    names = [name.strip().strip('"').lower() for name in text.split(",")]
    if missing := [name for name in COLUMNS if name not in names]:
        raise InputError(
            f"{source}: expected the columns emotion, pixels and Usage, found "
            f"{text.strip()[:80]!r} without {' and '.join(missing)}; "
            "take fer2013.csv or icml_face_data.csv"
        )
    return [*(names.index(name) for name in COLUMNS), len(names)]


def _lines(file: io.BufferedIOBase) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers in the file, whose first is the header."""
    for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=2):
        if text := line.strip():
            yield number, text


def _row(text: bytes, order: list[int]) -> tuple[int, bytes, str]:
    """One row's emotion, PIXELS grey levels and usage. ValueError says what is wrong with it."""
    cells = [cell.strip().strip(b'"') for cell in text.split(b",")]
    *places, columns = order
    if len(cells) != columns:
        raise ValueError(f"expected {columns} columns, found {len(cells)}")
    code, face, use = (cells[place] for place in places)
    return _emotion(code), _face(face), _usage(use)


def _emotion(cell: bytes) -> int:
    if not _whole(cell) or int(cell) >= len(EMOTIONS):
        raise ValueError(f"expected an emotion 0 to {len(EMOTIONS) - 1}, found {_shown(cell)}")
    return int(cell)


def _usage(cell: bytes) -> str:
    use = cell.decode("utf-8", "replace")
    if use not in USAGE:
        raise ValueError(f"expected the usage {', '.join(USAGE)}, found {_shown(cell)}")
    return use


def _face(cell: bytes) -> bytes:
    """The grey levels, read by numpy at once: nothing but PIXEL_BYTES can mislead it."""
    if cell.translate(None, PIXEL_BYTES):
        raise ValueError(_no_pixel(cell))
    levels = np.fromstring(cell, np.int64, sep=" ")
    if len(levels) != PIXELS:
        raise ValueError(f"expected {PIXELS} pixels, found {len(levels)}")
    if levels.max() > 255:
        raise ValueError(_no_pixel(cell))
    return bytes(levels.astype(np.uint8).data)


def _no_pixel(cell: bytes) -> str:
    """What to say of the first word that is no grey level."""
    words = enumerate(cell.split())
    place, word = next((i, w) for i, w in words if not _whole(w) or int(w) > 255)
    return f"expected grey levels 0 to 255, found {_shown(word)} as pixel {place}"


def _whole(cell: bytes) -> bool:
    """Whether this is a whole number of a length that is worth a conversion."""
    return cell.isdigit() and len(cell) < 20


def _shown(cell: bytes) -> str:
    return repr(cell[:20].decode("utf-8", "replace"))
