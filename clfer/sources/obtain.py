"""The order in which sources are tried: the user's folder, an address, Kaggle, then the user."""

import shutil
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated
from urllib.parse import unquote, urlsplit

from pydantic import Field

from clfer.archives import KINDS, is_tar, stem
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.progress import Track
from clfer.settings import Settings
from clfer.sources import kaggle
from clfer.sources.http import UnavailableError, download
from clfer.sources.kaggle import OnKaggle
from clfer.sources.unpack import unpack

LARGEST = 1 << 37  # bytes of an archive of images


class Address(Settings):
    """Where a file can be had over HTTP: nowhere for a null url. `sha256` is the one of the file
    there, or of Kaggle's without a url; null where it shall not be compared.
    """

    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None


@dataclass(frozen=True)
class Published:
    """A file as its publisher has it.

    path:   below the publisher's address, and below our folder of raw files
    places: below the user's folder, where it may lie
    """

    path: str
    places: tuple[str, ...]
    sha256: str


def obtain(file: Published, folder: Path, raw: Path, address: str, track: Track) -> str:
    """Put the file into `raw`; one line says whence. It is there whole and right, or InputError.

    What is downloaded comes to the first of its places in the user's folder, where it and a part of
    it stay when `raw` is emptied.
    """
    target, url = raw / file.path, f"{address.rstrip('/')}/{file.path}"
    for place in (folder / place for place in file.places):
        if place.is_file():
            remedy = f"remove it to have it downloaded, or take it from {url}"
            _compare(place, file.sha256, remedy)
            _copy(place, target)
            return f"{file.path}: from {place}, SHA-256 as published"
    if target.is_file() and sha256(target) == file.sha256:
        return f"{file.path}: already there, SHA-256 as published"
    place = folder / file.places[0]
    download(url, place, file.sha256, track)
    _copy(place, target)
    return f"{file.path}: from {url}, SHA-256 as published"


def deliver(
    folder: Path, address: Address, wanted: OnKaggle, track: Track
) -> tuple[Path | None, list[str]]:
    """One file into the user's folder, from the address or else from Kaggle.

    Returns its path and a line that says whence it came; or None, and why each source has nothing.
    InputError where a source has other bytes than those of `address.sha256`.
    """
    tried = []
    if address.url is not None:
        target = folder / file_name(address.url)
        try:
            download(address.url, target, address.sha256, track)
            return target, [f"{target.name}: from {address.url}{_compared(address.sha256)}"]
        except UnavailableError as nothing:
            tried = [f"at {address.url}: {nothing.found}"]
    if hindrance := kaggle.hindrance():
        return None, [*tried, f"at Kaggle: {hindrance}"]
    target = folder / PurePosixPath(wanted.file).name
    try:
        # the client shows a bar of its own
        kaggle.fetch(wanted, target, address.sha256 if address.url is None else None)
        return target, [f"{target.name}: from Kaggle ({wanted.handle})"]
    except UnavailableError as nothing:
        return None, [*tried, f"at Kaggle: {nothing.found}"]


def bring(folder: Path, url: str | None, sha256: str | None, track: Track) -> list[str]:
    """An archive of images into the user's folder, where that has no files of its own.

    A tar archive is unpacked beside itself into a folder of its name; a .zip stays as it is.
    Returns lines for people, none where there was nothing to do. InputError says what is wrong.
    """
    if url is None:
        return []
    archive = folder / file_name(url)
    name = stem(archive.name)
    if not name:
        raise InputError(
            f"{url}: expected the address of an archive ({', '.join(KINDS)}), found another name; "
            f"unpack it by hand into {folder}"
        )
    if any(path != archive for path in _finished(folder)):
        return []
    lines = []
    if not archive.is_file():
        download(url, archive, sha256, track, limit=LARGEST)
        lines = [f"{archive.name}: from {url}{_compared(sha256)}"]
    elif sha256:
        _compare(archive, sha256, "remove it to have it downloaded")
    if is_tar(archive):
        for _ in track(range(1), f"unpacking {archive.name}"):
            count = unpack(archive, folder / name)
        lines.append(f"{archive.name}: {count:,} files unpacked to {folder / name}")
    return lines


def file_name(url: str) -> str:
    """The file's name at the end of an address."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _finished(folder: Path) -> list[Path]:
    """What lies in the folder, but for hidden files and what a download left unfinished."""
    here = list(folder.iterdir()) if folder.is_dir() else []
    visible = (path for path in here if not path.name.startswith("."))
    return [path for path in visible if not path.name.endswith((".part", ".part.json"))]


def _copy(place: Path, target: Path) -> None:
    if place.resolve() != target.resolve():
        with replacing(target) as temporary:
            shutil.copyfile(place, temporary)


def _compared(sha256: str | None) -> str:
    return ", SHA-256 as given" if sha256 else ", its SHA-256 not compared"


def _compare(place: Path, expected: str, remedy: str) -> None:
    if (found := sha256(place)) != expected:
        raise InputError(f"{place}: expected SHA-256 {expected}, found {found}; {remedy}")
