"""Datasets that the user has as a folder: its images are indexed, its label files brought to `raw`.

Lists of many images are copied, files about one image each gathered in tables.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl
from pydantic import Field

from clfer import archives
from clfer.datasets import images
from clfer.datasets.images import UNPACKED, Listing, key, located
from clfer.datasets.labels import remark
from clfer.download import Address, download, file_name
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.progress import Track

LARGEST_ARCHIVE = 1 << 37  # bytes
COPIES = "labels"  # folder of the copied lists
LONGEST_LINE = 1 << 16  # bytes; a row of AffectNet has about 1,500
LARGEST_NOTE = 1 << 16  # bytes of a file about one image
TOGETHER = 20_000  # such files in one table: a bound on memory
NOTES = {"path": pl.String(), "content": pl.Binary()}


class Source(Address):
    """Where the user put the dataset, and the archive to download where nothing is there."""

    folder: Path = Field(strict=False)


class Wanted(NamedTuple):
    """What a dataset looks for in its folder.

    layout:  what should be there, for people
    request: where to get it, for people
    lacking: what is missing, for people, given the paths of the images and those of lists and
             notes; None where all is there
    is_list: whether a path is a list of labels, which is copied
    is_note: whether a path is a file about one image, which is gathered
    """

    name: str
    layout: str
    request: str
    lacking: Callable[[Sequence[str], Sequence[str]], str | None]
    is_list: Callable[[str], bool] = lambda path: False
    is_note: Callable[[str], bool] = lambda path: False

    def missing(self, folder: Path, found: str) -> InputError:
        """The error for what is not there: what was expected, and where to get it."""
        return InputError(
            f"{folder}: expected {self.name} there as {self.layout}; found {found}; {self.request}"
        )


def fetch(wanted: Wanted, source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images of `base / source.folder` in `raw`, and copy their labels there; lines about
    what was downloaded, used and left out.

    Archives in the folder are extracted below `raw`. InputError: the folder, its images or its
    labels are missing, an archive is damaged or unsafe, or the download fails.
    """
    folder = base / source.folder
    downloaded = _download(folder, source, track)
    if not folder.is_dir():
        raise wanted.missing(folder, "no such folder")
    there = images.listing(folder, raw, track)
    if not there.images:
        raise wanted.missing(folder, _instead(there))
    others = [file.path for file in there.files if not images.is_image(file.path)]
    copied = [path for path in others if wanted.is_list(path)]
    notes = [path for path in others if wanted.is_note(path)]
    if found := wanted.lacking([file.path for file in there.images], [*copied, *notes]):
        raise wanted.missing(folder, found)
    for path in copied:
        with replacing(raw / COPIES / path) as temporary:
            shutil.copyfile(located(raw, folder, path), temporary)
    gather(raw, folder, notes, track)
    damaged = images.index(raw, source.folder, folder, there.images, track)
    used = {*copied, *notes}
    size = sum(file.size for file in there.images)
    return [
        *downloaded,
        f"images: {len(there.images):,}, {size:,} bytes, read in place from {folder}"
        f"{', archives unpacked' if (raw / UNPACKED).exists() else ''}",
        *([f"labels: {', '.join(copied[:5])}"] if copied else []),
        *([f"files about one image each: {len(notes):,}"] if notes else []),
        *([f"images that cannot be read, to be set aside: {damaged:,}"] if damaged else []),
        *remark("archives of other kinds; unpack what belongs to it", there.archives),
        *remark(
            "files that are neither images nor labels, ignored",
            [path for path in others if path not in used],
        ),
        *there.remarks,
    ]


def gather(raw: Path, folder: Path, paths: Sequence[str], track: Track) -> None:
    """Put the bytes of these small files into tables in `raw`, TOGETHER of them into each."""
    for number, start in enumerate(range(0, len(paths), TOGETHER)):
        rows = []
        for path in track(paths[start : start + TOGETHER], "reading labels"):
            with located(raw, folder, path).open("rb") as file:
                rows.append((path, file.read(LARGEST_NOTE + 1)))
            if len(rows[-1][1]) > LARGEST_NOTE:
                raise InputError(
                    f"{folder / path}: expected at most {LARGEST_NOTE:,} bytes, found more; fetch "
                    "it again"
                )
        with replacing(raw / f"notes-{number:04}.parquet") as temporary:
            pl.DataFrame(rows, NOTES, orient="row").write_parquet(temporary)


def notes(raw: Path) -> Iterator[tuple[str, bytes]]:
    """The gathered files' paths and bytes, in the order of `gather`."""
    for path in sorted(raw.glob("notes-*.parquet")):
        yield from pl.read_parquet(path).iter_rows()


def one_list(raw: Path, *names: str) -> str | None:
    """The path of the one copied list of these names, None without; InputError where there are
    several that differ.
    """
    place = raw / COPIES
    files = sorted(path for path in place.rglob("*") if path.is_file() and key(path.name) in names)
    paths = [path.relative_to(place).as_posix() for path in files]
    if len(set(map(sha256, files))) > 1:
        raise InputError(
            f"{images.folder_of(raw)}: expected one {names[0]}, found {paths[0]} and {paths[1]}, "
            "which differ; keep one of them and download again"
        )
    return paths[0] if paths else None


def lines(raw: Path, path: str) -> Iterator[tuple[int, str]]:
    """The lines of a copied list that are not blank, with their numbers in the file, from 1.

    InputError: a line is no UTF-8, or longer than LONGEST_LINE bytes.
    """
    with (raw / COPIES / path).open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
            if len(line) == LONGEST_LINE:
                found = f"a line longer than {LONGEST_LINE - 1:,} bytes"
                raise wrong(raw, path, "a row of a list", found, number)
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise wrong(raw, path, "text in UTF-8", "other bytes", number) from None
            if text:
                yield number, text


def wrong(raw: Path, path: str, expected: str, found: str, line: int | None = None) -> InputError:
    """The error for a label file, or a line of it, naming it as the user has it."""
    place = f"{images.folder_of(raw) / path}{f' line {line}' if line else ''}"
    return InputError(
        f"{place}: expected {expected}, found {found}; fetch it again or correct it, and download "
        "again"
    )


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
    if not visible:
        download(source.url, archive, source.sha256, track, limit=LARGEST_ARCHIVE)
        compared = "SHA-256 as given" if source.sha256 else "its SHA-256 not compared"
        return [f"{archive.name}: from {source.url}, {compared}"]
    if visible == [archive] and source.sha256 and (found := sha256(archive)) != source.sha256:
        raise InputError(
            f"{archive}: expected SHA-256 {source.sha256}, found {found}; remove it to have it "
            "downloaded"
        )
    return []


def _instead(there: Listing) -> str:
    """What there is in place of images."""
    if there.archives:
        kind = there.archives[0].rpartition(".")[2]
        return f"no image but {there.archives[0]}: unpack it there, a .{kind} is not read"
    if not there.files:
        return "an empty folder"
    return f"{len(there.files):,} files, none of them an image (first: {there.files[0].path})"
