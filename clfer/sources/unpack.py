"""A whole archive as a folder: nothing outside of it, no links, and no more than expected."""

import gzip
import io
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from clfer import archives
from clfer.archives import Blocks, is_damage, is_gzipped, is_tar, whole
from clfer.errors import InputError

CHUNK = 1 << 16
# Images hardly shrink in an archive, and a csv of pixels to a third: a bound on bombs.
LEAST, TIMES = 1 << 30, 20
MEMBERS = 5_000_000  # AffectNet has a million images
BEHIND = 1 << 28  # bytes behind the end of a tar, which some programs fill up


class Member(NamedTuple):
    """A file, or a folder without `content`. `place`: within the folder that is unpacked."""

    name: str
    place: Path
    content: io.BufferedIOBase | None


def unpack(
    archive: Path, folder: Path, limit: int | None = None, members: int | None = None
) -> int:
    """The archive's files as `folder`, which appears whole or not at all; how many they are.

    archive: .zip, .tar, .tar.gz or .tgz
    folder:  must not be there yet; what an earlier process left unfinished beside it goes
    limit:   bytes unpacked, counted while they are; None: TIMES the archive's size, LEAST or more
    members: files and folders inside; None: MEMBERS
    InputError names the archive and the member that is at fault.
    """
    if not archive.is_file():
        raise InputError(f"{archive}: expected an archive, found no file; put it there")
    if folder.exists():
        raise InputError(f"{folder}: expected to unpack {archive} there, found it; remove it")
    limit = limit or max(LEAST, TIMES * archive.stat().st_size)
    opened = _tar if is_tar(archive) else _zip
    unfinished = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        with whole(archive), opened(archive) as content:
            count = _write(archive, content, unfinished, limit, members or MEMBERS)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return count


def _write(archive: Path, content: Iterator[Member], folder: Path, limit: int, members: int) -> int:
    left, files = limit, 0
    for number, member in enumerate(content):
        if number >= members:
            raise InputError(
                f"{archive}: expected at most {members:,} files and folders, found more; "
                "fetch it again"
            )
        try:
            left -= _place(member.content, folder / member.place, left)
        except OSError as error:
            if is_damage(error):
                raise
            raise InputError(
                f"{archive}: expected to write its member {member.name!r}, found "
                f"{error.strerror}; make room, or repack it under other names"
            ) from error
        if left < 0:
            raise InputError(
                f"{archive}: expected at most {limit:,} bytes unpacked, found more by its member "
                f"{member.name!r}; fetch it again"
            )
        files += member.content is not None
    return files


def _place(content: io.BufferedIOBase | None, place: Path, left: int) -> int:
    """Writes a member, at most one chunk more than `left` bytes of it; how many were written."""
    if content is None:
        place.mkdir(parents=True, exist_ok=True)
        return 0
    place.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    with place.open("wb") as file:
        while written <= left and (chunk := content.read(CHUNK)):
            written += file.write(chunk)
    return written


def _inside(archive: Path, name: str, folder: bool) -> Path:
    """The place of a file or folder. Both slashes divide, as they do for whoever packed it."""
    path = PureWindowsPath(name)
    if path.anchor:
        raise refused(archive, name, "an absolute path")
    if ".." in path.parts or "\0" in name:
        raise refused(archive, name, "one that leads elsewhere")
    if not (path.parts or folder):
        raise refused(archive, name, "a file without a name")
    return Path(*path.parts)


def refused(archive: Path, name: str, found: str) -> InputError:
    return InputError(
        f"{archive}: expected files within one folder, found the member {name!r}, {found}; "
        "do not trust this archive"
    )


@contextmanager
def _zip(path: Path) -> Iterator[Iterator[Member]]:
    with zipfile.ZipFile(path) as archive:
        yield _zip_members(path, archive)


def _zip_members(path: Path, archive: zipfile.ZipFile) -> Iterator[Member]:
    for member in archive.infolist():
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise refused(path, member.filename, "a link or a device")
        if member.flag_bits & 1:
            raise InputError(
                f"{path}: expected an open archive, found a password on its member "
                f"{member.filename!r}; repack it"
            )
        archives.check_method(path, member)
        is_folder = member.filename.endswith("/")  # zipfile's own way fails where there is no name
        place = _inside(path, member.filename, is_folder)
        if is_folder:
            yield Member(member.filename, place, None)
        else:
            with archive.open(member) as content:
                assert isinstance(content, io.BufferedIOBase)
                yield Member(member.filename, place, content)


@contextmanager
def _tar(path: Path) -> Iterator[Iterator[Member]]:
    with gzip.open(path) if is_gzipped(path) else path.open("rb") as file:
        blocks = Blocks(file)
        with tarfile.open(fileobj=blocks, mode="r:") as archive:
            yield _tar_members(path, archive)
        # tarfile takes damage between two members for the end, which is a block of zeros
        if blocks.last != bytes(tarfile.BLOCKSIZE):
            raise EOFError("it has no end")
        end = file.tell()
        while file.read(CHUNK):  # only at its end does gzip compare the checksum
            if file.tell() - end > BEHIND:
                raise tarfile.ReadError(f"more than {BEHIND:,} bytes behind its end")


def _tar_members(path: Path, archive: tarfile.TarFile) -> Iterator[Member]:
    for member in archives.members(archive):
        if member.issparse() or not (member.isfile() or member.isdir()):
            raise refused(path, member.name, "a link or a device")
        place = _inside(path, member.name, member.isdir())
        content = None if member.isdir() else archive.extractfile(member)
        assert content is None or isinstance(content, io.BufferedIOBase)
        yield Member(member.name, place, content)
