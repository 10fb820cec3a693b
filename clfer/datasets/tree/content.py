"""The bytes of a file below a folder, or in a zip there."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clfer.datasets.tree.zips import DAMAGE, archive, inside
from clfer.errors import InputError

# What reading a file may raise: it is gone, not ours to read, or damaged in its zip.
TROUBLE = (OSError, KeyError, RuntimeError, InputError, *DAMAGE)


@contextmanager
def stream(folder: Path, path: str) -> Iterator[IO[bytes]]:
    """The file, open; one of TROUBLE where that fails, also while it is read."""
    if place := inside(folder, path):
        file, members = archive(place[0])
        with file.open(members[place[1]]) as member:
            yield member
    else:
        with (folder / path).open("rb") as plain:
            yield plain


def size(folder: Path, path: str) -> int:
    """Its bytes as they stand now; one of TROUBLE where there is no such file."""
    if place := inside(folder, path):
        return archive(place[0]).members[place[1]].file_size
    return (folder / path).stat().st_size


def digest(folder: Path, path: str) -> str | None:
    """Hexadecimal SHA-256, or None where the file cannot be read to its end."""
    try:
        with stream(folder, path) as file:
            found = hashlib.sha256()
            while block := file.read(1 << 20):
                found.update(block)
            return found.hexdigest()
    except TROUBLE:
        return None


def read(folder: Path, path: str, largest: int) -> bytes:
    """All of a small file. InputError: it cannot be read, or has more than `largest` bytes."""
    try:
        with stream(folder, path) as file:
            content = file.read(largest + 1)
    except TROUBLE as error:
        raise InputError(
            f"{folder / path}: expected a file that can be read, found {reason(error)}; "
            "fetch it again"
        ) from error
    if len(content) > largest:
        raise InputError(
            f"{folder / path}: expected at most {largest:,} bytes, found more; fetch it again"
        )
    return content


def reason(error: BaseException) -> str:
    """Why a file cannot be read, in a few words."""
    match error:
        case FileNotFoundError() | NotADirectoryError() | KeyError():
            return "the file has gone"
        case OSError():
            return (error.strerror or type(error).__name__).lower()
        case InputError():
            return str(error)
        case _:
            return f"damaged in its zip: {error or type(error).__name__}"
