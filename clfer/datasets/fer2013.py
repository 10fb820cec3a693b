"""FER2013's faces, from its csv (emotion, 48 x 48 grey levels as words, usage) or from an .npz.

Archives are extracted first.
"""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int8, Shaped, UInt8

from clfer.archives import DAMAGE, LEAST, METHODS, extract, stem
from clfer.datasets.expressions import FER2013 as EMOTIONS
from clfer.errors import InputError
from clfer.pictures import read_npy

SIDE = 48
PIXELS = SIDE * SIDE
USAGE = ("Training", "PublicTest", "PrivateTest")
COLUMNS = ("emotion", "pixels", "usage")  # of the csv
ARRAYS = ("pixels", "emotion", "usage")  # of the .npz
TABLES = ("fer2013.csv", "icml_face_data.csv")
TAR = "fer2013.tar.gz"
# In the order in which `find` prefers them; any .zip that holds one of TABLES comes last.
FORMS = (*TABLES, TAR, "fer2013.npz")
ACCEPTED = f"{', '.join(FORMS)} or a .zip that holds one of the csv files"
PIXEL_BYTES = b"0123456789 \t\r\x0b\x0c"  # digits, and the blanks that divide words

# A row has about 8,400 bytes. What is longer is cut, and then has the wrong number of columns.
LONGEST_LINE = 1 << 16


class Fer2013(NamedTuple):
    """FER2013 in row order: `emotion` codes of `expressions.FER2013`, `usage` words of USAGE."""

    pixels: UInt8[np.ndarray, "N 48 48"]
    emotion: Int8[np.ndarray, "N"]
    usage: list[str]


def find(folder: Path) -> Path | None:
    """FER2013 in this folder or one folder down: the first of FORMS, then a .zip; None without."""
    named = (place for form in FORMS for place in _places(folder, form))
    zips = (place for place in _places(folder, "*.zip") if _holds_table(place))
    return next((place for places in (named, zips) for place in places if place.is_file()), None)


def unpacked(path: Path, scratch: Path) -> Path:
    """The csv in an archive, extracted below `scratch`; `path` itself where it is no archive.

    InputError: the archive cannot be extracted, or holds none of TABLES.
    """
    if not stem(path.name):
        return path
    top = scratch / f"{path.name}.files"
    extract(path, top)
    names = {file.name: file for file in sorted(top.rglob("*"), reverse=True) if file.is_file()}
    if table := next((names[name] for name in TABLES if name in names), None):
        return table
    if TAR in names and path.name != f"{TAR}.files":  # Kaggle serves it in a zip
        return unpacked(names[TAR], scratch / "inner")
    shown = sorted(file.relative_to(top).as_posix() for file in names.values())
    found = ", ".join(shown[:5]) + (", ..." if len(shown) > 5 else "")
    raise InputError(
        f"{path}: expected {' or '.join(TABLES)} inside, found {found[:1000] or 'nothing'}; "
        "fetch it again"
    )


def read(path: Path, shown: Path | None = None) -> Fer2013:
    """All rows of a csv or .npz. InputError names `shown`, the archive that the file is from, else
    the file, and the row where one is wrong.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    if path.suffix == ".npz":
        return _from_arrays(path)
    with path.open("rb") as file:
        return parse(file, str(shown or path))


def faces(path: Path) -> UInt8[np.ndarray, "N 48 48"]:
    """The grey levels of all rows of a csv or .npz, in row order."""
    return read(path).pixels


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


def _places(folder: Path, name: str) -> Iterator[Path]:
    yield from sorted(folder.glob(name))
    yield from sorted(folder.glob(f"*/{name}"))


def _holds_table(path: Path) -> bool:
    """Whether a .zip holds one of TABLES. A damaged one does: extracting it says what is wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] in TABLES for name in archive.namelist())
    except (*DAMAGE, OSError, ValueError):
        return True


def _from_arrays(path: Path) -> Fer2013:
    arrays = _load(path)
    pixels, emotion, usage = (arrays[name] for name in ARRAYS)
    rows = len(pixels) if pixels.ndim else 0
    _check(path, "pixels", pixels, (rows, SIDE, SIDE), 256)
    _check(path, "emotion", emotion, (rows,), len(EMOTIONS))
    _check(path, "usage", usage, (rows,), len(USAGE))
    words = [USAGE[code] for code in usage]
    return Fer2013(pixels.astype(np.uint8, copy=False), emotion.astype(np.int8, copy=False), words)


def _load(path: Path) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays of an .npz; nothing pickled is ever read."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            if size > LEAST:
                raise InputError(
                    f"{path}: expected at most {LEAST:,} bytes unpacked, found {size:,}; "
                    "fetch it again"
                )
            there = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if missing := [name for name in ARRAYS if name not in there]:
                raise InputError(
                    f"{path}: expected the arrays {', '.join(ARRAYS)}, found "
                    f"{', '.join(there)[:200] or 'none'} without {' and '.join(missing)}; "
                    "make it again"
                )
            return {name: _member(archive, there[name]) for name in ARRAYS}
    except InputError:
        raise
    except (*DAMAGE, OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a complete .npz of plain arrays, found a damaged, truncated or "
            f"pickled one ({' '.join(str(error).split())[:200]}); fetch it again"
        ) from error


def _member(archive: zipfile.ZipFile, name: str) -> Shaped[np.ndarray, "..."]:
    member = archive.getinfo(name)
    if member.flag_bits & 1:
        raise ValueError("a password")
    if member.compress_type not in METHODS:
        raise ValueError(f"method {member.compress_type}")
    return read_npy(archive.read(member))


def _check(
    path: Path, name: str, array: Shaped[np.ndarray, "..."], shape: tuple[int, ...], levels: int
) -> None:
    """InputError unless the array has this shape and whole numbers from 0 up to below `levels`."""
    expected = f"{path}: expected {name} as whole numbers 0 to {levels - 1} {list(shape)}"
    if array.shape != shape or array.dtype.kind not in "iu":
        raise InputError(f"{expected}, found {array.dtype} {list(array.shape)}; make it again")
    wrong = (array < 0) | (array >= levels)
    if wrong.any():
        row = int(np.argwhere(wrong)[0, 0])
        raise InputError(f"{expected}, found {array[wrong][0]} in row {row}; make it again")


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
