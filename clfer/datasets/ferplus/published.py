"""One published file: from where the user put it, or else downloaded, and compared by SHA-256."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

from clfer.errors import InputError
from clfer.files import replacing, sha256


@dataclass(frozen=True)
class Published:
    """A file as its publisher has it.

    path:   below the publisher's address, and below our folder of raw files
    places: below the user's folder, where it may lie
    """

    path: str
    places: tuple[str, ...]
    sha256: str


def obtain(file: Published, folder: Path, raw: Path, address: str) -> str:
    """Put the file into `raw`; one line says whence. It is there whole and right, or InputError."""
    target, url = raw / file.path, f"{address.rstrip('/')}/{file.path}"
    for place in (folder / place for place in file.places):
        if place.is_file():
            _copy(file, place, target, url)
            return f"{file.path}: from {place}, SHA-256 as published"
    if target.is_file() and sha256(target) == file.sha256:
        return f"{file.path}: already there, SHA-256 as published"
    by_hand = f"fetch it by hand and put it at {folder / file.places[0]}"
    _download(file, url, target, by_hand)
    return f"{file.path}: from {url}, SHA-256 as published"


def _copy(file: Published, place: Path, target: Path, url: str) -> None:
    _compare(file, place, str(place), f"remove it to have it downloaded, or take it from {url}")
    if place.resolve() != target.resolve():
        with replacing(target) as temporary:
            shutil.copyfile(place, temporary)


def _download(file: Published, url: str, target: Path, by_hand: str) -> None:
    with replacing(target) as temporary:
        try:
            pooch.HTTPDownloader()(url, str(temporary), None)
        except requests.RequestException as error:
            raise InputError(
                f"{file.path}: expected a download from {url}, found {_reason(error)}; {by_hand}"
            ) from error
        _compare(file, temporary, url, by_hand)


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    return f"no connection ({type(error).__name__})"


def _compare(file: Published, content: Path, source: str, remedy: str) -> None:
    if (found := sha256(content)) != file.sha256:
        raise InputError(f"{source}: expected SHA-256 {file.sha256}, found {found}; {remedy}")
