"""All faces of a dataset in one array of small pictures, every image accounted for.

What is known of the images, and what became of them, is in memory for some of them at a time.
"""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import polars as pl

from clfer.faces.cropping import Alignment, Fate, Find, cut
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
    """Write the aligned faces to `path` as uint8 [N, S, S, C]; the table says how each image fared,
    None in the processes of the team that do not lead.

    pictures: read by several threads
    scratch:  a folder held by the leader; what an earlier call with the same arguments left there,
              of whatever team, is not done again. It costs as much room as the faces, and holds
              what the table is read from
    team:     processes of one machine, each with all the other arguments

    Columns of the table: `row`; `face`, its index into the array, null where the image is rejected
    (its pixels are zero there); `height` and `width` of the picture; and those of `Fate`.
    """
    shape = (len(labels), settings.size, settings.size, settings.channels)
    chunks = [range(i, min(i + CHUNK, shape[0])) for i in range(0, shape[0], CHUNK)]
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
            return row, None, None, None, *Fate("rejected", reason=str(error))
        faces[row], fate = cut(picture, landmarks, box, settings, find)
        return row, row, *picture.shape[:2], *fate

    # each written after its faces: where it is, the chunk is done
    records = {chunk: scratch / f"{chunk.start:09}.parquet" for chunk in chunks}
    with ThreadPoolExecutor(max(cores() // team.size, 1)) as pool:
        for chunk in track(team.share(chunks), "aligning"):
            if not (record := records[chunk]).exists():
                first = chunk.start // BLOCK * BLOCK
                given = block(first)[0][chunk.start - first : chunk.stop - first]
                known = [given[name].to_list() for name in ("landmarks", "box")]
                found = list(pool.map(one, chunk, *known))
                faces.flush()
                with replacing(record) as temporary:
                    pl.DataFrame(found, SCHEMA, orient="row").write_parquet(temporary)
    del faces
    team.wait()
    if not team.leads:
        return None
    with replacing(path) as temporary:  # last: nothing can fail behind it
        shutil.move(store, temporary)
    return pl.scan_parquet(list(records.values())) if records else pl.LazyFrame(schema=SCHEMA)


def _prepare(store: Path, shape: tuple[int, ...]) -> None:
    """Put an array of faces on disk, unless an interrupted call has left one."""
    if store.exists():
        return
    for record in store.parent.glob("*.parquet"):  # of faces that have left already
        record.unlink()
    # under its name only when its header is there
    with replacing(store) as temporary:
        np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape).flush()
        _occupy(temporary)


def _occupy(path: Path) -> None:
    """Take the room of a file now: a map onto a disk that is full ends the process without a word.

    OSError where there is not enough.
    """
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def outcomes(table: pl.LazyFrame) -> list[str]:
    """How many images fared how, and why some were rejected, in words."""
    rejected = table.filter(pl.col("outcome") == "rejected")
    fared = [f"{count:,} {name}" for name, count, _ in _common(table, "outcome")]
    return [
        ", ".join(fared),
        *(
            f"rejected: {count:,} {reason} (first: row {first})"
            for reason, count, first in _common(rejected, "reason")[:5]
        ),
    ]


def _common(table: pl.LazyFrame, column: str) -> list[tuple[Any, ...]]:
    """Each value of a column, how often it is there and in which row first; the commonest first."""
    counted = table.group_by(column).agg(pl.len(), pl.col("row").min())
    return counted.sort("len", "row", descending=[True, False]).collect(engine="streaming").rows()
