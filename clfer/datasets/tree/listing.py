"""The files below a folder, those in its zips included."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clfer.datasets.tree.names import (
    is_archive,
    is_image,
    is_junk,
    is_zip,
    key,
    remark,
    unarchived,
    unzipped,
)
from clfer.datasets.tree.zips import archive
from clfer.errors import InputError


class File(NamedTuple):
    """path: below the folder, with `/`; a zip counts as a folder of its own name. size: in bytes"""

    path: str
    size: int


class Listing(NamedTuple):
    """files: sorted by path, without junk and zips. remarks: what was left out, for people"""

    files: list[File]
    remarks: list[str]

    @property
    def images(self) -> list[File]:
        return [file for file in self.files if is_image(file.path)]


def listing(folder: Path) -> Listing:
    """What lies below the folder. Links that stay below it are followed, those out of it are not.

    A zip that lies beside its own unpacked files is not looked into twice. InputError as of
    `zips.archive`.
    """
    outside: list[str] = []
    try:
        found = list(_walk(folder, "", (os.path.realpath(folder),), outside))
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: expected a folder that can be read, found: "
            f"{error.strerror}; give yourself the right to read it"
        ) from error
    remarks = remark("links out of the folder, not followed", outside)
    named = [file for file in found if _is_text(file.path)]
    unnamed = [file.path for file in found if not _is_text(file.path)]
    shown = [path.encode("utf-8", "replace").decode() for path in unnamed]
    remarks += remark("names that are no UTF-8, left out until renamed", shown)
    zips = [file for file in named if is_zip(file.path)]
    plain = [file for file in named if not is_zip(file.path)]
    known = {key(file.path) for file in plain}
    twice: list[str] = []
    for file in sorted(zips):
        plain += _members(folder, file.path, known, twice, remarks)
    remarks += remark("files in zips, left out as they lie unpacked beside them", twice)
    return Listing(sorted(plain), remarks)


def closed(files: list[File]) -> list[str]:
    """The archives of kinds that are not read in place, but for those that lie unpacked beside
    themselves in a folder of their name.
    """
    archives = (file.path for file in files if is_archive(file.path))
    return [path for path in archives if not _is_unpacked(path, files)]


def _is_unpacked(archive: str, files: list[File]) -> bool:
    folder = f"{unarchived(archive)}/"
    return any(file.path.startswith(folder) for file in files)


def _walk(
    folder: Path, below: str, ancestors: tuple[str, ...], outside: list[str]
) -> Iterator[File]:
    for entry in os.scandir(folder / below):
        path = f"{below}/{entry.name}" if below else entry.name
        if is_junk(entry.name):
            continue
        real = ""
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if not f"{real}{os.sep}".startswith(ancestors[0].rstrip(os.sep) + os.sep):
                outside.append(path)
                continue
        if entry.is_dir():
            real = real or os.path.join(ancestors[-1], entry.name)
            if real not in ancestors:  # a link to a folder that it lies in
                yield from _walk(folder, path, (*ancestors, real), outside)
        elif entry.is_file():
            yield File(path, entry.stat().st_size)


def _members(
    folder: Path, path: str, known: set[str], twice: list[str], remarks: list[str]
) -> Iterator[File]:
    """The files of a zip, without those unpacked beside it or in the folder of its name."""
    beside = path.rpartition("/")[0]
    places = [f"{beside}/" if beside else "", f"{unzipped(path)}/"]
    nested = []
    for name, member in archive(folder / path).members.items():
        if is_zip(name):
            nested.append(f"{path}/{name}")
        elif any(key(f"{place}{name}") in known for place in places):
            twice.append(f"{path}/{name}")
        else:
            yield File(f"{path}/{name}", member.file_size)
    remarks += remark("zips in a zip, not looked into until the outer one is unpacked", nested)


def _is_text(path: str) -> bool:
    """Whether the name is UTF-8: Python marks other bytes with halves of surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
