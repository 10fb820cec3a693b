"""Images that the user has in a folder: which ones there are, their index, and reading them.

An archive in the folder is extracted below the raw files and stands for a folder of its own name:
`RAF-DB.zip/basic/1.jpg`. The index takes the place of copies of the images: `files.parquet` and
`folder.txt`.
"""

import os
import shutil
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer import archives
from clfer.datasets.labels import DAMAGE, GROUP, remark
from clfer.errors import InputError, in_one_line
from clfer.files import replacing, sha256
from clfer.pictures import Opened, UnreadableError, decode
from clfer.progress import Track

UNPACKED = "unpacked"  # folder of the raw files with what was extracted
IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
OTHER_ARCHIVES = (".rar", ".7z", ".tar.bz2", ".tar.xz")  # the user has to unpack these
JUNK = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"}
INDEX, FOLDER = "files.parquet", "folder.txt"
SCHEMA = {"path": pl.String(), "size": pl.Int64(), "sha256": pl.String()}
AT_ONCE = 200  # files that a thread takes at a time
LARGEST = 1 << 28  # bytes of a file: more than a picture of clfer.pictures.LARGEST pixels has


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


def folders(path: str) -> list[str]:
    """The names of the folders that a file lies in, archives without their suffix."""
    return [archives.stem(part) or part for part in path.split("/")[:-1]]


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is the system's, or hidden: nobody means it."""
    return name.startswith(".") or name.lower() in JUNK


def is_image(path: str) -> bool:
    return path.lower().endswith(IMAGES)


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
        every = sorted(_walk(folder, "", (os.path.realpath(folder),), outside))
    except OSError as error:
        raise InputError(
            f"{error.filename or folder}: expected a folder that can be read, found: "
            f"{error.strerror}; give yourself the right to read it"
        ) from error
    unnamed = [file.path for file in every if not _is_text(file.path)]
    packed = [file.path for file in every if archives.stem(file.path) and _is_text(file.path)]
    plain = [file for file in every if not archives.stem(file.path)]
    known = {key(file.path) for file in plain}
    shutil.rmtree(raw / UNPACKED, ignore_errors=True)
    beside, twice, nested = [], [], []
    for path in track(packed, "unpacking"):
        if any(file.path.startswith(f"{archives.stem(path)}/") for file in plain):
            beside.append(path)
            continue
        top, parent = raw / UNPACKED / path, path.rpartition("/")[0]
        archives.extract(folder / path, top)
        for file in sorted(_walk(top, "", (os.path.realpath(top),), outside)):
            inner = f"{path}/{file.path}"
            if not _is_text(inner):
                unnamed.append(inner)
            elif archives.stem(file.path):
                nested.append(inner)
            elif key(f"{parent}/{file.path}".lstrip("/")) in known:
                twice.append(inner)
                (top / file.path).unlink()
            else:
                plain.append(File(inner, file.size))
    files = sorted(file for file in plain if _is_text(file.path))
    closed = [file.path for file in files if file.path.lower().endswith(OTHER_ARCHIVES)]
    shown = [path.encode("utf-8", "replace").decode() for path in unnamed]
    return Listing(
        [file for file in files if file.path not in closed],
        closed,
        [
            *remark("links out of the folder, not followed", outside),
            *remark("names that are no UTF-8, left out until renamed", shown),
            *remark("archives beside a folder of their name, taken to be unpacked there", beside),
            *remark("archives in an archive, left out until the outer one is unpacked", nested),
            *remark("files in archives, left out as they lie unpacked beside them", twice),
        ],
    )


def index(raw: Path, named: Path, folder: Path, images: Sequence[File], track: Track) -> int:
    """Write the index of `images`, which lie below `folder`; how many of them cannot be read.

    named: the folder as the params have it. Columns: `path`, `size` in bytes, `sha256`, null where
    the file cannot be read. The bytes depend on the files and the folder's name alone.
    """
    files = sorted(images)
    parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]

    def digests_of(part: Sequence[File]) -> list[str | None]:
        return [_digest(located(raw, folder, file.path)) for file in part]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        done = threads.map(digests_of, parts)
        digests = [each for _ in track(parts, "reading images") for each in next(done)]
    rows = [(*file, digest) for file, digest in zip(files, digests, strict=True)]
    with replacing(raw / INDEX) as temporary:
        table = pl.DataFrame(rows, SCHEMA, orient="row")
        table.write_parquet(temporary, row_group_size=GROUP)
    with replacing(raw / FOLDER) as temporary:
        temporary.write_text(f"{named.as_posix()}\n", encoding="utf-8")
    return digests.count(None)


def entries(raw: Path) -> pl.DataFrame:
    """Name, size and sha256 of the images; InputError where the index is missing or damaged."""
    path = raw / INDEX
    if not path.is_file():
        raise InputError(f"{path}: expected the index of the images, found none; download")
    try:
        table = pl.read_parquet(path, columns=[*SCHEMA])
        columns = (pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        return table.select(columns).rename({"path": "name"})
    except DAMAGE as error:
        raise InputError(
            f"{path}: expected the index of the images, found it damaged ({in_one_line(error)}); "
            "download again"
        ) from error


def indexed(raw: Path) -> list[str]:
    """The images in `raw`'s index, sorted."""
    return entries(raw)["name"].to_list()


def folder_of(raw: Path) -> Path:
    """The user's folder as the params had it."""
    return Path((raw / FOLDER).read_text(encoding="utf-8").removesuffix("\n"))


class ImageFiles:
    """The image of each row, uint8 grey [H, W] or RGB [H, W, 3]; may be read from many threads and
    processes at once.

    UnreadableError: the row has no file, or the file has gone, has another size than in the index,
    cannot be read, or is no image.
    """

    def __init__(self, raw: Path, folder: Path, files: pl.DataFrame) -> None:
        self.raw, self.folder, self.files = raw, folder, files

    def __getitem__(self, row: int) -> UInt8[np.ndarray, "_ _ ..."]:
        path, size = self.files["name"][row], self.files["size"][row]
        if path is None:
            raise UnreadableError("no file")
        place = located(self.raw, self.folder, path)
        try:
            if (found := place.stat().st_size) != size:
                raise UnreadableError(
                    f"{found:,} bytes where the index has {size or 0:,}: download again"
                )
            if found > LARGEST:
                raise UnreadableError(f"more than {LARGEST:,} bytes")
            content = place.read_bytes()
        except OSError as error:
            raise UnreadableError((error.strerror or type(error).__name__).lower()) from error
        return decode(content)


def pictures(raw: Path, base: Path) -> Opened:
    """The images of the index in `raw`, by `name` of the rows of the table of
    `clfer.datasets.labels`. A row without a name has no image.

    base: what the folder in the params is relative to.
    """
    folder = base / folder_of(raw)

    def opened(rows: pl.DataFrame) -> ImageFiles:
        files = rows.select("name").join(entries(raw), "name", how="left", maintain_order="left")
        return ImageFiles(raw, folder, files)

    return opened


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


def _is_text(path: str) -> bool:
    """Whether the name is UTF-8: Python marks other bytes with halves of surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in path)


def _digest(path: Path) -> str | None:
    """SHA-256, None where the file cannot be read."""
    try:
        return sha256(path)
    except OSError:
        return None
