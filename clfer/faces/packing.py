"""All faces of a dataset in one array, every image accounted for, and done again only where an
interrupted call left off. Of labels and outcomes only some rows are in memory at a time.
"""

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl

from clfer.faces.alignment import Alignment, CropOutcome, Find, crop_face
from clfer.files import replacing
from clfer.pictures import Opened, Pictures, UnreadableError
from clfer.progress import Track
from clfer.team import ALONE, Team, cores

CHUNK = 256  # images between two records of how far the work is
BLOCK = 16 * CHUNK  # images whose labels are read at once
FORMAT = 2  # to be raised when the same images and settings would make other faces or records

SCHEMA = {
    "row": pl.Int64(),
    "face": pl.Int64(),
    "height": pl.Int32(),
    "width": pl.Int32(),
    "outcome": pl.String(),
    "score": pl.Float32(),
    "points": pl.Array(pl.Float32, 10),
    "reason": pl.String(),
}


@runtime_checkable
class Labels(Protocol):
    """A table of `datasets.labels`, or one that is read from its file where rows are asked for."""

    def __len__(self) -> int: ...
    def __getitem__(self, rows: slice, /) -> pl.DataFrame: ...


class Part:
    """Some consecutive rows of such a table."""

    def __init__(self, whole: Labels, rows: range) -> None:
        self.whole, self.rows = whole, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice, /) -> pl.DataFrame:
        chosen = self.rows[rows]
        return self.whole[chosen.start : chosen.stop]


def pack(
    pictures: Opened,
    labels: Labels,
    settings: Alignment,
    find: Find | None,
    path: Path,
    scratch: Path,
    track: Track,
    team: Team = ALONE,
) -> pl.LazyFrame | None:
    """Write the aligned faces to `path` as uint8 [N, S, S, C]; the table of how each image was
    cropped, or None in the processes of the team that do not lead.

    pictures: read by several threads
    scratch:  a folder locked by the leader, where an earlier call with the same arguments, of
              whatever team, left what is done. It takes as much room as the faces, and holds what
              the table is read from
    team:     processes of one machine, each with all the other arguments

    Columns of the table: `row`; `face`, its index into the array, null where the image is rejected
    (its pixels are zero there); `height` and `width` of the picture; and those of `CropOutcome`.
    """
    shape = (len(labels), settings.size, settings.size, settings.channels)
    store = scratch / "faces.npy"
    with team.leader_first():
        _prepare(store, shape)
    faces = np.lib.format.open_memmap(store, mode="r+")

    @lru_cache(maxsize=1)
    def block(first: int) -> tuple[pl.DataFrame, Pictures]:
        rows = labels[first : first + BLOCK]
        return rows, pictures(rows)

    def one(row: int, landmarks: Any, box: Any) -> tuple[Any, ...]:
        try:
            picture = block(row // BLOCK * BLOCK)[1][row % BLOCK]
        except UnreadableError as error:
            return row, None, None, None, *CropOutcome("rejected", reason=str(error))
        faces[row], outcome = crop_face(picture, landmarks, box, settings, find)
        return row, row, *picture.shape[:2], *outcome

    # each written after its faces: where it is, the chunk is done
    records = {start: scratch / f"{start:09}.parquet" for start in range(0, shape[0], CHUNK)}
    with ThreadPoolExecutor(max(cores() // team.size, 1)) as pool:
        for start in track(team.share(list(records)), "aligning"):
            if not records[start].exists():
                rows = block(start // BLOCK * BLOCK)[0][start % BLOCK : start % BLOCK + CHUNK]
                numbers = range(start, start + len(rows))
                known = (rows[name].to_list() for name in ("landmarks", "box"))
                outcomes = list(pool.map(one, numbers, *known))
                faces.flush()
                with replacing(records[start]) as temporary:
                    pl.DataFrame(outcomes, SCHEMA, orient="row").write_parquet(temporary)
    del faces
    team.wait()
    if not team.leads:
        return None
    with replacing(path) as temporary:  # last: nothing can fail behind it
        shutil.move(store, temporary)
    return pl.scan_parquet(list(records.values())) if records else pl.LazyFrame(schema=SCHEMA)


def join(parts: Sequence[Path], path: Path) -> pl.LazyFrame:
    """Write the arrays of all parts, beside their tables `parts`, as one to `path`; their tables
    as one.
    """
    arrays = [np.load(one.with_suffix(".npy"), mmap_mode="r") for one in parts]
    shape = (sum(map(len, arrays)), *arrays[0].shape[1:])
    with replacing(path) as temporary:
        _allocate(temporary, shape)
        whole, first = np.lib.format.open_memmap(temporary, mode="r+"), 0
        for array in arrays:
            whole[first : first + len(array)] = array
            first += len(array)
        whole.flush()
    return pl.scan_parquet(list(parts))


def _prepare(store: Path, shape: tuple[int, ...]) -> None:
    """Put an array of faces on disk, unless an interrupted call has left one."""
    if store.exists():
        return
    for record in store.parent.glob("*.parquet"):  # of faces that have left already
        record.unlink()
    with replacing(store) as temporary:  # under its name only when its header is there
        _allocate(temporary, shape)


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """An array on disk that has its room: writing to a map on a full disk kills the process
    silently.
    """
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def outcomes(table: pl.LazyFrame) -> list[str]:
    """How many images were cropped how, and for which reasons not by what was expected."""
    counts = _counted(table, ["outcome"])
    reasons = _counted(table.filter(pl.col("reason").is_not_null()), ["outcome", "reason"])
    return [
        ", ".join(f"{count:,} {outcome}" for outcome, count, _ in counts),
        *(
            f"{outcome}: {n:,} {reason} (first: row {row})"
            for outcome, reason, n, row in reasons[:5]
        ),
    ]


def _counted(table: pl.LazyFrame, columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Values of the columns, in how many rows and first in which; the commonest first."""
    counts = table.group_by(columns).agg(pl.len(), pl.col("row").min())
    return counts.sort("len", "row", descending=[True, False]).collect(engine="streaming").rows()
