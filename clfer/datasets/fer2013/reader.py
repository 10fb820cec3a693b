"""FER2013's faces, in every form in which they are handed around."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from clfer.archives import DAMAGE, check_method
from clfer.arrays import array
from clfer.datasets.expressions import FER2013 as EMOTIONS
from clfer.datasets.fer2013 import archives
from clfer.datasets.fer2013 import rows as fer2013_csv
from clfer.datasets.fer2013.rows import SIDE, USAGE, Fer2013

# What goes with the faces, so that a dataset in these formats needs one import.
from clfer.datasets.fer2013.votefiles import read_layout as read_layout
from clfer.datasets.fer2013.votefiles import read_votes as read_votes
from clfer.errors import InputError

TABLES = ("fer2013.csv", "icml_face_data.csv")
# In the order in which `find` prefers them; any .zip that holds one of TABLES comes last.
FORMS = (*TABLES, "fer2013.tar.gz", "fer2013.npz")
ACCEPTED = f"{', '.join(FORMS)} or a .zip that holds one of the csv files"
ARRAYS = ("pixels", "emotion", "usage")


def find(folder: Path) -> Path | None:
    """FER2013 in this folder or one folder down: the first of FORMS, then a .zip; None without."""
    named = (place for form in FORMS for place in _places(folder, form))
    zips = (place for place in _places(folder, "*.zip") if archives.holds(place, TABLES))
    return next((place for places in (named, zips) for place in places if place.is_file()), None)


def is_named(name: str) -> bool:
    """Whether `find` would take a file of this name."""
    return name in FORMS or name.endswith(".zip")


def read(path: Path) -> Fer2013:
    """All rows of a .csv, .tar.gz, .zip or .npz.

    InputError names the file, and the row where one is to blame.
    """
    if path.suffix == ".npz":
        return _from_arrays(path)
    with archives.stream(path, TABLES) as file:
        return fer2013_csv.parse(file, str(path))


def faces(path: Path) -> UInt8[np.ndarray, "N 48 48"]:
    """The grey levels of all rows, in row order."""
    return read(path).pixels


def _places(folder: Path, name: str) -> Iterator[Path]:
    yield from sorted(folder.glob(name))
    yield from sorted(folder.glob(f"*/{name}"))


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
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    try:
        with zipfile.ZipFile(path) as archive:
            archives.bound(path, sum(member.file_size for member in archive.infolist()))
            there = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if missing := [name for name in ARRAYS if name not in there]:
                raise InputError(
                    f"{path}: expected the arrays {', '.join(ARRAYS)}, found "
                    f"{', '.join(there)[:200] or 'none'} without {' and '.join(missing)}; "
                    "make it again"
                )
            return {name: _member(path, archive, there[name]) for name in ARRAYS}
    except InputError:
        raise
    except (*DAMAGE, OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a complete .npz of plain arrays, found a damaged, truncated or "
            f"pickled one ({' '.join(str(error).split())[:200]}); fetch it again"
        ) from error


def _member(path: Path, archive: zipfile.ZipFile, name: str) -> Shaped[np.ndarray, "..."]:
    member = archive.getinfo(name)
    if member.flag_bits & 1:
        raise ValueError("a password")
    check_method(path, member)
    return array(archive.read(member))


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
