"""An index of the user's images, in place of copies of them: `files.parquet` and `folder.txt`."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import polars as pl

from clfer.datasets.labels import DAMAGE, GROUP
from clfer.datasets.listing import File, located
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.progress import Track

INDEX = "files.parquet"
FOLDER = "folder.txt"
AT_ONCE = 200  # files that a thread takes at a time
SCHEMA = {"path": pl.String(), "size": pl.Int64(), "sha256": pl.String()}


def write(raw: Path, named: Path, folder: Path, images: Sequence[File], track: Track) -> int:
    """Write the index of `images`, which lie below `folder`; how many of them cannot be read.

    named: the folder as the params have it. Columns: `path`, `size` in bytes, `sha256`, null where
    the file cannot be read. The bytes depend on the files and the folder's name alone.
    """
    files = sorted(images)
    parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]

    def digests_of(part: Sequence[File]) -> list[str | None]:
        return [_digest(located(raw, folder, file.path)) for file in part]

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        done = threads.map(
            lambda part: [_digest(located(raw, folder, f.path)) for f in part], parts
        )
        digests = list(chain.from_iterable(next(done) for _ in track(parts, "reading images")))
    rows = [(*file, digest) for file, digest in zip(files, digests, strict=True)]
    with replacing(raw / INDEX) as temporary:
        table = pl.DataFrame(rows, SCHEMA, orient="row")
        table.write_parquet(temporary, row_group_size=GROUP)
    with replacing(raw / FOLDER) as temporary:
        temporary.write_text(f"{named.as_posix()}\n", encoding="utf-8")
    return digests.count(None)


def paths(raw: Path) -> list[str]:
    """The images in `raw`'s index, sorted; InputError where that is missing or damaged."""
    with _complete(raw / INDEX):
        return pl.read_parquet(raw / INDEX, columns=["path"])["path"].to_list()


def sizes(raw: Path, names: pl.Series) -> dict[str, int]:
    """Bytes of those images that are in the index in `raw`, by their path; InputError where that is
    missing or damaged.
    """
    with _complete(raw / INDEX):
        named = pl.scan_parquet(raw / INDEX).filter(pl.col("path").is_in(names.implode()))
        return dict(named.select("path", "size").collect().iter_rows())


def folder(raw: Path) -> Path:
    """The user's folder as the params had it."""
    return Path((raw / FOLDER).read_text(encoding="utf-8").removesuffix("\n"))


@contextmanager
def _complete(path: Path) -> Iterator[None]:
    """InputError where the index, which is read in the block, is missing or damaged."""
    if not path.is_file():
        raise InputError(f"{path}: expected the index of the images, found none; download")
    try:
        yield
    except DAMAGE as error:
        reason = " ".join(str(error).split())[:300]
        raise InputError(
            f"{path}: expected the index of the images, found it damaged ({reason}); download again"
        ) from error


def _digest(path: Path) -> str | None:
    """SHA-256, None where the file cannot be read."""
    try:
        return sha256(path)
    except OSError:
        return None
