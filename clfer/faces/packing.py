"""All faces of a dataset in one array of small pictures, every image accounted for."""

import os
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clfer.faces.cropping import Alignment, Fate, Find, cut
from clfer.files import replacing
from clfer.pictures import Pictures, UnreadableError
from clfer.progress import Track
from clfer.team import ALONE, Team, cores

CHUNK = 256  # images between two records of how far the work is
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


def pack(
    pictures: Pictures,
    labels: pl.DataFrame,
    settings: Alignment,
    find: Find | None,
    path: Path,
    scratch: Path,
    track: Track,
    team: Team = ALONE,
) -> pl.DataFrame | None:
    """Write the aligned faces to `path` as uint8 [N, S, S, C]; the table says how each image fared,
    None in the processes of the team that do not lead.

    pictures: one for each row of `labels` (clfer.labels), read when asked for, by several threads
    scratch:  a folder held by the leader; what an earlier call with the same arguments left there,
              of whatever team, is not done again. It costs as much room as the faces
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

    def one(row: int, landmarks: Any, box: Any) -> tuple[Any, ...]:
        try:
            picture = pictures[row]
        except UnreadableError as error:
            return row, None, None, None, *Fate("rejected", reason=str(error))
        faces[row], fate = cut(picture, landmarks, box, settings, find)
        return row, row, *picture.shape[:2], *fate

    # each written after its faces: where it is, the chunk is done
    records = {chunk: scratch / f"{chunk.start:09}.parquet" for chunk in chunks}
    with ThreadPoolExecutor(max(cores() // team.size, 1)) as pool:
        for chunk in track(team.share(chunks), "aligning"):
            if not (record := records[chunk]).exists():
                given = labels[chunk.start : chunk.stop]
                known = [given[name].to_list() for name in ("landmarks", "box")]
                found = list(pool.map(one, chunk, *known))
                faces.flush()
                with replacing(record) as temporary:
                    pl.DataFrame(found, SCHEMA, orient="row").write_parquet(temporary)
    del faces
    team.wait()
    if not team.leads:
        return None
    table = pl.concat([pl.DataFrame(schema=SCHEMA), *map(pl.read_parquet, records.values())])
    with replacing(path) as temporary:  # last: nothing can fail behind it
        shutil.move(store, temporary)
    return table


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


def outcomes(table: pl.DataFrame) -> list[str]:
    """How many images fared how, and why some were rejected, in words."""
    counts = Counter(table["outcome"])
    rejected = table.filter(pl.col("outcome") == "rejected")
    lines = [", ".join(f"{count:,} {name}" for name, count in counts.most_common())]
    for reason, count in Counter(rejected["reason"]).most_common(5):
        first = rejected.filter(pl.col("reason") == reason)["row"][0]
        lines.append(f"rejected: {count:,} {reason} (first: row {first})")
    return lines
