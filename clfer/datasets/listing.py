"""The files of a dataset that the user has as a folder: which ones count, and what is in archives.

An archive is extracted below the folder UNPACKED of the raw files, and stands for a folder of its
own name: `RAF-DB.zip/basic/1.jpg`.
"""

import os
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from clfer import archives
from clfer.errors import InputError
from clfer.progress import Track

UNPACKED = "unpacked"
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
UNREADABLE = (".rar", ".7z", ".tar.bz2", ".tar.xz")  # archives that the user has to unpack
JUNK = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"}


class File(NamedTuple):
    """path: below the user's folder, with `/`; size: in bytes"""

    path: str
    size: int


class Listing(NamedTuple):
    """files: sorted by path; archives: those that are not unpacked; remarks: what was left out"""

    files: list[File]
    archives: list[str]
    remarks: list[str]

    @property
    def images(self) -> list[File]:
        return [file for file in self.files if is_image(file.path)]


def key(name: str) -> str:
    """The name as lists and folders compare it: without regard to case and to how accents are
    encoded.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def stem(name: str) -> str:
    """The last part of a path, without its suffix."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or base


def folders(path: str) -> list[str]:
    """The names of the folders that a file lies in, archives without their suffix."""
    return [archives.stem(part) or part for part in path.split("/")[:-1]]


def is_image(path: str) -> bool:
    return path.lower().endswith(IMAGES)


def remark(what: str, names: Sequence[str]) -> list[str]:
    """A line: what, how many, and the first of them; none where there are no names."""
    return [f"{what}: {len(names):,} (first: {names[0]})"] if names else []


def located(raw: Path, folder: Path, path: str) -> Path:
    """Where a listed file lies: in an extracted archive in `raw`, or in the user's folder."""
    inside = raw / UNPACKED / path
    return inside if inside.is_file() else folder / path


def listing(folder: Path, raw: Path, track: Track) -> Listing:
    """The files below the folder, without junk; its archives are extracted below `raw`.

    Links that stay in the folder are followed, others are not. An archive beside a folder of its
    name is taken to be unpacked there; of others, files that lie beside the archive are left out.
    InputError: the folder cannot be read, or as of `archives.extract`.
    """
    outside: list[str] = []
    try:
        found = sorted(_walk(folder, "", (os.path.realpath(folder),), outside))
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: expected a folder that can be read, found: "
            f"{error.strerror}; give yourself the right to read it"
        ) from error
    remarks = remark("links out of the folder, not followed", outside)
    packed = [file.path for file in found if archives.stem(file.path)]
    plain = [file for file in found if not archives.stem(file.path)]
    known = {key(file.path) for file in plain}
    shutil.rmtree(raw / UNPACKED, ignore_errors=True)
    beside, twice, nested = [], [], []
    for path in track(sorted(path for path in packed if _is_text(path)), "unpacking"):
        if any(file.path.startswith(f"{archives.stem(path)}/") for file in plain):
            beside.append(path)
            continue
        top = raw / UNPACKED / path
        archives.extract(folder / path, top)
        parent = path.rpartition("/")[0]
        for file in sorted(_walk(top, "", (os.path.realpath(top),), outside)):
            inner = f"{path}/{file.path}"
            if archives.stem(file.path):
                nested.append(inner)
            elif key(f"{parent}/{file.path}".lstrip("/")) in known:
                twice.append(inner)
                (top / file.path).unlink()
            else:
                plain.append(File(inner, file.size))
    unnamed = [file.path for file in plain if not _is_text(file.path)]
    shown = [path.encode("utf-8", "replace").decode() for path in unnamed]
    remarks += [
        *remark("names that are no UTF-8, left out until renamed", shown),
        *remark("archives beside a folder of their name, taken to be unpacked there", beside),
        *remark("archives in an archive, left out until the outer one is unpacked", nested),
        *remark("files in archives, left out as they lie unpacked beside them", twice),
    ]
    files = sorted(file for file in plain if _is_text(file.path))
    closed = [f.path for f in files if f.path.lower().endswith(UNREADABLE)]
    return Listing([f for f in files if f.path not in closed], closed, remarks)


def _walk(
    folder: Path, below: str, ancestors: tuple[str, ...], outside: list[str]
) -> Iterator[File]:
    for entry in os.scandir(folder / below):
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.name.startswith(".") or entry.name.lower() in JUNK:
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


def _is_text(path: str) -> bool:
    """Whether the name is UTF-8: Python marks other bytes with halves of surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
