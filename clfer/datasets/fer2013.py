"""FER2013's faces, from its csv (emotion, 48 x 48 grey levels as words, usage) or from an .npz.

Archives are extracted first.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from jaxtyping import Int8, Shaped, UInt8

from clfer.archives import extract, stem
from clfer.datasets.expressions import FER2013 as EMOTIONS
from clfer.datasets.images import is_junk
from clfer.datasets.labels import DAMAGE
from clfer.errors import InputError, in_one_line
from clfer.pictures import Opened, read_npy

SIDE = 48
PIXELS = SIDE * SIDE
SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
USAGE = (*SPLITS,)
COLUMNS = ("emotion", "pixels", "usage")  # of the csv
ARRAYS = ("pixels", "emotion", "usage")  # of the .npz
TABLES = ("fer2013.csv", "icml_face_data.csv")
TAR = "fer2013.tar.gz"
# In the order in which `find` prefers them; any .zip that holds one of TABLES comes last.
FORMS = (*TABLES, TAR, "fer2013.npz")
ACCEPTED = f"{', '.join(FORMS)} or a .zip that holds one of the csv files"
LARGEST = 1 << 29  # bytes of a csv, and of the unpacked arrays; the published csv has 301 million
PIXEL_BYTES = b"0123456789 \t\r\v\f"  # digits, and the blanks that divide words
LEVELS = {str(level) for level in range(256)}


class Fer2013(NamedTuple):
    """FER2013 in row order: `emotion` codes of `expressions.FER2013`, `usage` words of USAGE."""

    pixels: UInt8[np.ndarray, "N 48 48"]
    emotion: Int8[np.ndarray, "N"]
    usage: list[str]


def find(folder: Path) -> Path | None:
    """FER2013 in this folder or one folder down: the first of FORMS, then a .zip; None without."""
    named = (place for form in FORMS for place in _places(folder, form))
    zips = (place for place in _places(folder, "*.[zZ][iI][pP]") if _holds_table(place))
    return next((place for places in (named, zips) for place in places if place.is_file()), None)


def unpacked(path: Path, scratch: Path) -> Path:
    """The csv in an archive, extracted below `scratch`; `path` itself where it is no archive.

    InputError: the archive cannot be extracted, or holds none of TABLES.
    """
    if not stem(path.name):
        return path
    top = scratch / f"{path.name}.files"
    extract(path, top)
    inside = (place for place in sorted(top.rglob("*"), reverse=True) if place.is_file())
    names = {place.name: place for place in inside if _is_meant(place.relative_to(top))}
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
    the file, and the row (from 0, as everywhere) where one is wrong.

    The csv's columns stand in any order, blanks around their names are ignored.
    """
    if path.suffix == ".npz":
        return _from_arrays(path)
    source, columns = shown or path, "emotion, pixels and Usage"
    table = cells(path, source, f"the columns {columns}", infer_schema=False)
    names = {name.strip().lower(): name for name in table.columns}
    if missing := [name for name in COLUMNS if name not in names]:
        raise InputError(
            f"{source}: expected the columns {columns}, found {','.join(names)[:80]!r} without "
            f"{' and '.join(missing)}; take fer2013.csv or icml_face_data.csv"
        )
    rows = table.select(pl.col(names[name]).alias(name) for name in COLUMNS)
    if rows.is_empty():
        raise InputError(f"{source}: expected rows below the header, found none; fetch it again")
    codes = [str(code) for code in range(len(EMOTIONS))]
    check(source, rows, "emotion", pl.col("emotion").is_in(codes), f"0 to {codes[-1]}")
    check(source, rows, "usage", pl.col("usage").is_in(USAGE), ", ".join(USAGE))
    pixels = np.empty((len(rows), SIDE, SIDE), np.uint8)
    for row, text in enumerate(rows["pixels"]):
        # nothing but PIXEL_BYTES can mislead numpy
        clean = not text.encode().translate(None, PIXEL_BYTES)
        levels = np.fromstring(text if clean else "", np.int64, sep=" ")
        if len(levels) != PIXELS or levels.max() > 255:
            wrong = [repr(word[:20]) for word in text.split() if word not in LEVELS]
            found = wrong[0] if wrong else f"{len(levels)} of them"
            raise InputError(
                f"{source} row {row}: expected {PIXELS} grey levels 0 to 255, found {found}; fetch "
                "it again"
            )
        pixels[row] = levels.reshape(SIDE, SIDE)
    return Fer2013(pixels, rows["emotion"].cast(pl.Int8).to_numpy(), rows["usage"].to_list())


def pictures(path: Path) -> Opened:
    """The images of a csv or .npz, by `row` of a table."""
    pixels = read(path).pixels
    return lambda rows: pixels[rows["row"].to_numpy()]


def cells(path: Path, shown: Path, columns: str, **how: Any) -> pl.DataFrame:
    """A csv's lines that are not blank, as text without blanks around it, empty where a cell is
    missing. InputError names `shown`. columns: for people; how: for `pl.read_csv`
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(
            f"{shown}: expected at most {LARGEST:,} bytes, found {size:,}; fetch it again"
        )
    try:
        rows = pl.read_csv(path, raise_if_empty=False, **how)
    except DAMAGE as error:
        raise InputError(
            f"{shown}: expected a csv in UTF-8 of {columns}, found another; fetch it again"
        ) from error
    blank = pl.all_horizontal(pl.lit(True), pl.all().is_null())
    return rows.filter(~blank).select(pl.all().fill_null("").str.strip_chars())


def check(shown: Path, rows: pl.DataFrame, column: str, valid: pl.Expr, expected: str) -> None:
    """InputError for the first row whose cell is not valid."""
    for row, cell in rows.with_row_index().filter(~valid).select("index", column).iter_rows():
        raise InputError(
            f"{shown} row {row}: expected {expected} in column {column}, found {cell[:20]!r}; "
            "fetch it again"
        )


def _places(folder: Path, name: str) -> Iterator[Path]:
    for pattern in (name, f"*/{name}"):
        yield from (p for p in sorted(folder.glob(pattern)) if _is_meant(p.relative_to(folder)))


def _is_meant(path: PurePath) -> bool:
    """Not of `__MACOSX`, which a Mac puts beside every file of an archive."""
    return not any(map(is_junk, path.parts))


def _holds_table(path: Path) -> bool:
    """Whether a .zip holds one of TABLES. A damaged one does: extracting it says what is wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = map(PurePosixPath, archive.namelist())
            return any(one.name in TABLES and _is_meant(one) for one in inside)
    except Exception:  # zipfile raises many kinds
        return True


def _from_arrays(path: Path) -> Fer2013:
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    arrays = _load(path)
    if missing := [name for name in ARRAYS if name not in arrays]:
        raise InputError(
            f"{path}: expected the arrays {', '.join(ARRAYS)}, found "
            f"{', '.join(arrays)[:200] or 'none'} without {' and '.join(missing)}; make it again"
        )
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
            members = {file.filename.removesuffix(".npy"): file for file in archive.infolist()}
            if any(file.flag_bits & 1 for file in members.values()):
                raise ValueError("a password")
            if (size := sum(file.file_size for file in members.values())) > LARGEST:
                raise ValueError(f"{size:,} bytes unpacked, more than {LARGEST:,}")
            wanted = {name: file for name, file in members.items() if name in ARRAYS}
            return {name: read_npy(archive.read(file)) for name, file in wanted.items()}
    except Exception as error:  # zipfile raises many kinds
        raise InputError(
            f"{path}: expected a complete .npz of plain arrays, found a damaged, truncated or "
            f"pickled one ({in_one_line(error)}); fetch it again"
        ) from error


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
