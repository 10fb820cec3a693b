"""Faces to check an export on, from a folder of face crops."""

from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt8

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.inference.cutting import as_it_is
from clfer.inference.frames import read
from clfer.inference.sources import sources
from clfer.pictures import UnreadableError
from clfer.progress import Track


def crops(
    folder: Path, cut: Cut, count: int, track: Track
) -> tuple[UInt8[np.ndarray, "N S S C"], int]:
    """Up to `count` of a folder's pictures as faces, spread over their names, and how many of them
    could not be read.

    InputError where there is no picture, or none that can be read.
    """
    files = [source.path for source in sources([str(folder)], ()) if not source.is_video]
    faces = []
    chosen = [files[place] for place in spread(len(files), count)]
    for file in track(chosen, "reading"):
        try:
            faces.append(as_it_is(read(file), cut))
        except UnreadableError:
            continue
    if not faces:
        raise InputError(
            f"{folder}: expected pictures of faces, found none among {len(files):,} files that can "
            "be read; name another folder by --faces"
        )
    return np.stack(faces), len(chosen) - len(faces)


def spread(total: int, count: int) -> Int[np.ndarray, " N"]:
    """Up to `count` of the places 0..total-1, evenly spread, ascending."""
    return np.linspace(0, total - 1, min(total, count)).round().astype(np.int64)
