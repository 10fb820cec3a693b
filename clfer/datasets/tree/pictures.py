"""The images of a dataset where the user has them, each read when it is asked for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.datasets.tree import content, index
from clfer.pictures import Opened, UnreadableError, decode

LARGEST = 1 << 28  # bytes of a file: more than a picture of clfer.pictures.LARGEST pixels has


class ImageFiles(Sequence[Any]):  # Any: a check of the elements' type would read one
    """The image of each row, uint8 grey [H, W] or RGB [H, W, 3]; may be read from many threads and
    processes at once.

    UnreadableError: the row has no file, or the file has gone, has another size than in the index,
    cannot be read, or is no image.
    """

    def __init__(self, folder: Path, paths: pl.Series, sizes: pl.Series) -> None:
        self.folder = folder
        self.paths = paths
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, row: int) -> UInt8[np.ndarray, "_ _ ..."]: ...
    @overload
    def __getitem__(self, row: slice) -> "ImageFiles": ...
    def __getitem__(self, row: int | slice) -> "UInt8[np.ndarray, '_ _ ...'] | ImageFiles":
        if isinstance(row, slice):
            return ImageFiles(self.folder, self.paths[row], self.sizes[row])
        return decode(self._content(row))

    def _content(self, row: int) -> bytes:
        path, size = self.paths[row], self.sizes[row]
        if path is None:
            raise UnreadableError("no file")
        try:
            found = content.size(self.folder, path)
            if found != size:
                raise UnreadableError(
                    f"{found:,} bytes where the index has {size or 0:,}: download again"
                )
            if found > LARGEST:
                raise UnreadableError(f"more than {LARGEST:,} bytes")
            with content.stream(self.folder, path) as file:
                return file.read()
        except content.TROUBLE as error:
            raise UnreadableError(content.reason(error)) from error


def pictures(raw: Path, base: Path) -> Opened:
    """The images below the folder that `raw` has the index of, found by `name` of a row of the
    table of `clfer.datasets.labels`. A row without a name has no image.

    base: what the folder in the params is relative to.
    """
    folder = base / index.folder(raw)

    def opened(rows: pl.DataFrame) -> ImageFiles:
        names = rows["name"]
        there = index.sizes(raw, names)
        return ImageFiles(folder, names, pl.Series(map(there.get, names), dtype=pl.Int64))

    return opened
