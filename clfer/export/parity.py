"""Whether two engines give the same probabilities, and faces to compare them on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.inference.engines import Engine
from clfer.inference.frames import read, sources
from clfer.inference.predictor import central_square
from clfer.pictures import UnreadableError
from clfer.progress import Track

LIMIT = 1e-4  # by which two probabilities may differ
BATCH = 32


class Parity(NamedTuple):
    """How far the probabilities that two engines give to the same faces are apart."""

    faces: int
    difference: float  # the largest of any probability
    same: int  # faces with the same label
    tied: int  # with another one, their two highest probabilities being within LIMIT

    @property
    def holds(self) -> bool:
        """Whether both agree; False where there is a NaN."""
        return self.difference <= LIMIT and self.same + self.tied == self.faces


def probabilities(
    engine: Engine, faces: UInt8[np.ndarray, "N S S C"], track: Track, description: str
) -> Float[np.ndarray, "N K"]:
    """The probabilities of faces, a batch at a time."""
    starts = track(range(0, len(faces), BATCH), description)
    return np.concatenate([engine(np.ascontiguousarray(faces[i : i + BATCH])) for i in starts])


def compared(expected: Float[np.ndarray, "N K"], found: Float[np.ndarray, "N K"]) -> Parity:
    """How far two engines' probabilities of the same faces are apart."""
    same = expected.argmax(axis=1) == found.argmax(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    tied = ~same & (first - second <= LIMIT)
    difference = float(np.abs(expected - found).max())
    return Parity(len(expected), difference, int(same.sum()), int(tied.sum()))


def crops(
    folder: Path, cut: Cut, count: int, track: Track
) -> tuple[UInt8[np.ndarray, "N S S C"], int]:
    """Up to `count` of a folder's pictures as faces, evenly spread, and how many of these are
    unreadable. InputError where none can be read.
    """
    files = [source.path for source in sources([str(folder)], ()) if not source.is_video]
    chosen, faces = [files[place] for place in spread(len(files), count)], []
    for file in track(chosen, "reading"):
        try:
            faces.append(central_square(read(file), cut))
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
