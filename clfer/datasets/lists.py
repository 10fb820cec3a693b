"""Label files: lists of many images are copied, files about one image each gathered in tables."""

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import polars as pl

from clfer.datasets import index
from clfer.datasets.listing import key, located
from clfer.errors import InputError
from clfer.files import replacing
from clfer.files import sha256 as digest
from clfer.progress import Track

COPIES = "labels"  # folder of the copies
LONGEST_LINE = 1 << 16  # bytes; a row of AffectNet has about 1,500
LARGEST_NOTE = 1 << 16  # bytes of a file about one image
TOGETHER = 20_000  # such files in one table: a bound on memory
UNREADABLE = (errno.EACCES, errno.EIO, errno.ENOENT, errno.EPERM)
NOTES = {"path": pl.String(), "content": pl.Binary()}


def copy(raw: Path, folder: Path, paths: Sequence[str]) -> None:
    """Copy these files, as they are, below `raw`."""
    for path in paths:
        with replacing(raw / COPIES / path) as temporary, _readable(folder, path):
            shutil.copyfile(located(raw, folder, path), temporary)


def gather(raw: Path, folder: Path, paths: Sequence[str], track: Track) -> None:
    """Put the bytes of these small files into tables in `raw`, TOGETHER of them into each."""
    starts = range(0, len(paths), TOGETHER)
    for number, start in enumerate(starts):
        part = paths[start : start + TOGETHER]
        content = [_note(raw, folder, path) for path in track(part, "reading labels")]
        with replacing(raw / f"notes-{number:04}.parquet") as temporary:
            pl.DataFrame({"path": part, "content": content}, NOTES).write_parquet(temporary)


def notes(raw: Path) -> Iterator[tuple[str, bytes]]:
    """The gathered files' paths and bytes, in the order of `gather`."""
    for number in count():
        if not (path := raw / f"notes-{number:04}.parquet").is_file():
            return
        yield from pl.read_parquet(path).iter_rows()


def one(raw: Path, *names: str) -> str | None:
    """The path of the one copied list of these names, None without; InputError where there are
    several that differ.
    """
    place = raw / COPIES
    files = (path for path in place.rglob("*") if path.is_file())
    found = sorted(path.relative_to(place).as_posix() for path in files)
    found = [path for path in found if key(path).rpartition("/")[2] in names]
    if len({digest(place / path) for path in found}) > 1:
        raise InputError(
            f"{index.folder(raw)}: expected one {names[0]}, found {found[0]} and {found[1]}, which "
            "differ; keep one of them and download again"
        )
    return found[0] if found else None


def lines(raw: Path, path: str) -> Iterator[tuple[int, str]]:
    """The lines of a copied list that are not blank, with their numbers in the file, from 1.

    InputError: a line is no UTF-8, or longer than LONGEST_LINE bytes.
    """
    with (raw / COPIES / path).open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            if len(line) == LONGEST_LINE:
                found = f"a line longer than {LONGEST_LINE - 1:,} bytes"
                raise wrong(raw, path, number, "a row of a list", found)
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise wrong(raw, path, number, "text in UTF-8", "other bytes") from None
            if text:
                yield number, text


def wrong(raw: Path, path: str, line: int, expected: str, found: str) -> InputError:
    """The error for a line, naming the file as the user has it."""
    return InputError(
        f"{index.folder(raw) / path} line {line}: expected {expected}, found {found}; correct it "
        "or take the list as published, and download again"
    )


def broken(raw: Path, path: str, expected: str, found: str) -> InputError:
    """The error for a file about one image."""
    return InputError(
        f"{index.folder(raw) / path}: expected {expected}, found {found}; fetch it again and "
        "download again"
    )


def _note(raw: Path, folder: Path, path: str) -> bytes:
    with _readable(folder, path), located(raw, folder, path).open("rb") as file:
        content = file.read(LARGEST_NOTE + 1)
    if len(content) > LARGEST_NOTE:
        raise InputError(
            f"{folder / path}: expected at most {LARGEST_NOTE:,} bytes, found more; fetch it again"
        )
    return content


@contextmanager
def _readable(folder: Path, path: str) -> Iterator[None]:
    """InputError where the label file cannot be read in the block."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNREADABLE:
            raise
        raise InputError(
            f"{folder / path}: expected a label file that can be read, found: {error.strerror}; "
            "fetch it again"
        ) from error
