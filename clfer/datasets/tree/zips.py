"""Zips that are read where they lie, as if they were folders."""

import os
import stat
import zipfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from clfer import archives
from clfer.datasets.tree.names import is_junk, is_zip
from clfer.errors import InputError

LARGEST = 1 << 30  # bytes that a member may unpack to: a bound on bombs
UTF8 = 0x800  # the flag of a member whose name is UTF-8

# What zipfile raises over bytes that are no whole zip: ValueError, too, where offsets lie.
DAMAGE = (*archives.DAMAGE, ValueError)


class Archive(NamedTuple):
    """An open zip and its files by path."""

    file: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]


def archive(path: Path) -> Archive:
    """The zip at `path`, opened once in each process and anew where the file has changed.

    InputError: it is damaged, or a member has a password, is a link, leads out of the zip, is
    compressed in another way than `archives.METHODS`, or declares more than LARGEST bytes.
    """
    found = path.stat()
    return _opened(path, os.getpid(), found.st_size, found.st_mtime_ns)


def inside(folder: Path, path: str) -> tuple[Path, str] | None:
    """The zip that a path leads into, and what it is called in there; None where there is none."""
    parts = path.split("/")
    for depth, part in enumerate(parts[:-1], start=1):
        if is_zip(part) and (place := folder.joinpath(*parts[:depth])).is_file():
            return place, "/".join(parts[depth:])
    return None


# Processes that fork must not share the place in an open file, so that each opens its own.
@lru_cache(maxsize=64)
def _opened(path: Path, process: int, size: int, changed: int) -> Archive:
    try:
        file = zipfile.ZipFile(path)
    except (*DAMAGE, OSError) as error:  # not ours to read; or a seek to before its start
        raise InputError(
            f"{path}: expected a complete zip, found a damaged one or one part of several ({error})"
            "; fetch it again, or unpack it there and remove it"
        ) from error
    members = {}
    for member in file.infolist():
        name = _name(member)
        _check(path, name, member)
        if not member.is_dir() and not any(map(is_junk, name.split("/"))):
            members[name] = member
    return Archive(file, members)


def _name(member: zipfile.ZipInfo) -> str:
    """Its path with `/`. Some programs write UTF-8 and do not say so."""
    name = member.filename
    if not member.flag_bits & UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _check(path: Path, name: str, member: zipfile.ZipInfo) -> None:
    """InputError unless the member is a plain file or folder below the zip."""
    parts = PurePosixPath(name)
    expected = f"{path}: expected files below the zip"
    if not name or parts.is_absolute() or ".." in parts.parts or name[1:2] == ":":
        raise InputError(f"{expected}, found {name[:200]!r}; repack it without such a path")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise InputError(f"{expected}, found the link {name[:200]!r}; repack it without links")
    if member.flag_bits & 1:
        raise InputError(
            f"{path}: expected an open zip, found one with a password ({name[:200]!r}); unpack it "
            "there with its password and remove it"
        )
    archives.check_method(path, member)
    if member.file_size > LARGEST:
        raise InputError(
            f"{path}: expected at most {LARGEST:,} bytes in a file, found {member.file_size:,} in "
            f"{name[:200]!r}; fetch it again"
        )
