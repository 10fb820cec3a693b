"""One file out of a .tar.gz or a .zip, read as a stream: nothing is unpacked to the disk."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from clfer.archives import DAMAGE, Blocks, check_method, is_gzipped, members, whole
from clfer.errors import InputError

# More than any file that we read unpacks to (fer2013.csv: 301 million bytes): a bound on bombs.
LIMIT = 1 << 30
SHOWN = 6  # names, of which the last is not


@contextmanager
def stream(path: Path, names: Sequence[str]) -> Iterator[io.BufferedIOBase]:
    """The bytes of the file called one of `names` inside an archive, in whatever folder; of `path`
    itself where its suffix is neither .zip nor .tar.gz nor .tgz.

    InputError: `path` is no file, holds none of `names`, is damaged or truncated (also when only
    reading it to the end shows that), or unpacks to more than LIMIT bytes.
    """
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    opened = _zip if path.suffix == ".zip" else _tar if is_gzipped(path) else _plain
    with whole(path), opened(path, names) as file:
        yield file


def holds(path: Path, names: Sequence[str]) -> bool:
    """Whether a .zip has a file called one of `names`; a damaged one is taken to have it.

    So that opening it explains what is wrong, rather than a message that nothing was found.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return any(_base(name) in names for name in archive.namelist())
    except (*DAMAGE, OSError, ValueError):
        return True


@contextmanager
def _plain(path: Path, names: Sequence[str]) -> Iterator[io.BufferedIOBase]:
    with path.open("rb") as file:
        yield file


@contextmanager
def _zip(path: Path, names: Sequence[str]) -> Iterator[io.BufferedIOBase]:
    with zipfile.ZipFile(path) as archive:
        found = {_base(member.filename): member for member in reversed(archive.infolist())}
        member = next((found[name] for name in names if name in found), None)
        if member is None:
            raise _nothing(path, names, archive.namelist())
        if member.flag_bits & 1:
            raise InputError(
                f"{path}: expected an open archive, found one with a password; repack it"
            )
        check_method(path, member)
        bound(path, member.file_size)
        with archive.open(member) as file:
            assert isinstance(file, io.BufferedIOBase)
            yield file


@contextmanager
def _tar(path: Path, names: Sequence[str]) -> Iterator[io.BufferedIOBase]:
    with (
        gzip.open(path) as unpacked,
        tarfile.open(fileobj=Blocks(unpacked), mode="r:") as archive,
    ):
        file = archive.extractfile(_tar_member(path, archive, names))
        assert isinstance(file, io.BufferedIOBase)  # a regular file, by _tar_member
        yield file
        # Only at its end does gzip compare the checksum of what was read.
        while unpacked.read(1 << 20):
            bound(path, unpacked.tell())


def _tar_member(path: Path, archive: tarfile.TarFile, names: Sequence[str]) -> tarfile.TarInfo:
    seen: list[str] = []
    for member in members(archive):
        bound(path, member.offset_data + member.size)
        if member.isfile() and _base(member.name) in names:
            return member
        seen = [*seen, member.name][:SHOWN]
    raise _nothing(path, names, seen)


def _base(name: str) -> str:
    return name.rpartition("/")[2]


def bound(path: Path, size: int) -> None:
    if size > LIMIT:
        raise InputError(
            f"{path}: expected at most {LIMIT:,} bytes unpacked, found {size:,}; fetch it again"
        )


def _nothing(path: Path, names: Sequence[str], seen: Sequence[str]) -> InputError:
    shown = [name[:200] for name in seen[: SHOWN - 1]]
    found = ", ".join(shown) + (", ..." if len(seen) >= SHOWN else "") or "nothing"
    return InputError(
        f"{path}: expected {' or '.join(names)} inside, found {found}; fetch it again"
    )
