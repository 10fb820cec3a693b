"""Datasets that the user has as a folder of images: `fetch` and `pictures` for all of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer import archives
from clfer.datasets import index, lists
from clfer.datasets.listing import UNPACKED, Listing, is_image, listing, located, remark
from clfer.download import Address, download, file_name
from clfer.errors import InputError
from clfer.files import sha256
from clfer.pictures import Opened, UnreadableError, decode
from clfer.progress import Track

LARGEST = 1 << 28  # bytes of a file: more than a picture of clfer.pictures.LARGEST pixels has
LARGEST_ARCHIVE = 1 << 37  # bytes


class Source(Address):
    """Where the user put the dataset, and the archive to download where nothing is there."""

    folder: Path


class Wanted(NamedTuple):
    """What a dataset looks for in its folder.

    layout:  what should be there, for people
    request: where to get it, for people
    check:   raises LookupError unless the images lie where they should; takes their paths and those
             of lists and notes
    is_list: whether a path is a list of labels, which is copied
    is_note: whether a path is a file about one image, which is gathered
    """

    name: str
    layout: str
    request: str
    check: Callable[[Sequence[str], Sequence[str]], None]
    is_list: Callable[[str], bool] = lambda path: False
    is_note: Callable[[str], bool] = lambda path: False


def fetch(source: Source, base: Path, raw: Path, track: Track, wanted: Wanted) -> list[str]:
    """Index the images of `base / source.folder` in `raw`, and copy their labels there; lines about
    what was downloaded, used and left out.

    Archives in the folder are extracted below `raw`. InputError: the folder, its images or its
    labels are missing, an archive is damaged or unsafe, or the download fails.
    """
    folder = base / source.folder
    downloaded = _download(folder, source, track)
    if not folder.is_dir():
        raise missing(wanted, folder, "no such folder")
    found = listing(folder, raw, track)
    images = found.images
    if not images:
        raise missing(wanted, folder, _instead(found))
    others = [file.path for file in found.files if not is_image(file.path)]
    copied = [path for path in others if wanted.is_list(path)]
    notes = [path for path in others if wanted.is_note(path)]
    try:
        wanted.check([file.path for file in images], [*copied, *notes])
    except LookupError as lacking:
        raise missing(wanted, folder, str(lacking.args[0])) from None
    lists.copy(raw, folder, copied)
    lists.gather(raw, folder, notes, track)
    damaged = index.write(raw, source.folder, folder, images, track)
    used = {*copied, *notes}
    ignored = [path for path in others if path not in used]
    return [
        *downloaded,
        f"images: {len(images):,}, {sum(file.size for file in images):,} bytes, read in place from "
        f"{folder}{', archives unpacked' if (raw / UNPACKED).exists() else ''}",
        *([f"labels: {', '.join(copied[:5])}"] if copied else []),
        *([f"files about one image each: {len(notes):,}"] if notes else []),
        *([f"images that cannot be read, to be set aside: {damaged:,}"] if damaged else []),
        *remark("archives of other kinds; unpack what belongs to it", found.archives),
        *remark("files that are neither images nor labels, ignored", ignored),
        *found.remarks,
    ]


def missing(wanted: Wanted, folder: Path, found: str) -> InputError:
    """The error for what is not there: what was expected, and where to get it."""
    return InputError(
        f"{folder}: expected {wanted.name} there as {wanted.layout}; found {found}; "
        f"{wanted.request}"
    )


class ImageFiles(Sequence[Any]):  # Any: a check of the elements' type would read one
    """The image of each row, uint8 grey [H, W] or RGB [H, W, 3]; may be read from many threads and
    processes at once.

    UnreadableError: the row has no file, or the file has gone, has another size than in the index,
    cannot be read, or is no image.
    """

    def __init__(self, raw: Path, folder: Path, paths: pl.Series, sizes: pl.Series) -> None:
        self.raw, self.folder = raw, folder
        self.paths, self.sizes = paths, sizes

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, row: int) -> UInt8[np.ndarray, "_ _ ..."]: ...
    @overload
    def __getitem__(self, row: slice) -> "ImageFiles": ...
    def __getitem__(self, row: int | slice) -> "UInt8[np.ndarray, '_ _ ...'] | ImageFiles":
        if isinstance(row, slice):
            return ImageFiles(self.raw, self.folder, self.paths[row], self.sizes[row])
        return decode(self._content(row))

    def _content(self, row: int) -> bytes:
        path, size = self.paths[row], self.sizes[row]
        if path is None:
            raise UnreadableError("no file")
        place = located(self.raw, self.folder, path)
        try:
            found = place.stat().st_size
            if found != size:
                raise UnreadableError(
                    f"{found:,} bytes where the index has {size or 0:,}: download again"
                )
            if found > LARGEST:
                raise UnreadableError(f"more than {LARGEST:,} bytes")
            return place.read_bytes()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnreadableError("the file has gone") from error
        except OSError as error:
            raise UnreadableError((error.strerror or type(error).__name__).lower()) from error


def pictures(raw: Path, base: Path) -> Opened:
    """The images of the index in `raw`, by `name` of the rows of the table of
    `clfer.datasets.labels`. A row without a name has no image.

    base: what the folder in the params is relative to.
    """
    folder = base / index.folder(raw)

    def opened(rows: pl.DataFrame) -> ImageFiles:
        names = rows["name"]
        there = index.sizes(raw, names)
        return ImageFiles(raw, folder, names, pl.Series(map(there.get, names), dtype=pl.Int64))

    return opened


def _download(folder: Path, source: Source, track: Track) -> list[str]:
    """The archive at the address into the user's folder, where that has no files of its own."""
    if source.url is None:
        return []
    archive = folder / file_name(source.url)
    if not archives.stem(archive.name):
        raise InputError(
            f"{source.url}: expected the address of an archive ({', '.join(archives.KINDS)}), "
            f"found another name; unpack it by hand into {folder}"
        )
    visible = [path for path in folder.glob("*") if not path.name.startswith(".")]
    if visible != [archive]:
        if visible:
            return []
        download(source.url, archive, source.sha256, track, limit=LARGEST_ARCHIVE)
        compared = "SHA-256 as given" if source.sha256 else "its SHA-256 not compared"
        return [f"{archive.name}: from {source.url}, {compared}"]
    if source.sha256 and (found := sha256(archive)) != source.sha256:
        raise InputError(
            f"{archive}: expected SHA-256 {source.sha256}, found {found}; remove it to have it "
            "downloaded"
        )
    return []


def _instead(found: Listing) -> str:
    """What there is in place of images."""
    if found.archives:
        kind = found.archives[0].rpartition(".")[2]
        return f"no image but {found.archives[0]}: unpack it there, a .{kind} is not read"
    if not found.files:
        return "an empty folder"
    return f"{len(found.files):,} files, none of them an image (first: {found.files[0].path})"
