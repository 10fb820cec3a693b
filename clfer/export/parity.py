"""Two engines on the same faces: how far their probabilities are apart, and how fast they are."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from clfer.inference.engines import Engine
from clfer.progress import Track

LIMIT = 1e-4  # by which two probabilities may differ that are meant to be the same
BATCH = 32


class Parity(NamedTuple):
    """difference: the largest of any probability; same: faces with the same label; tied: faces with
    another label whose two highest probabilities are within LIMIT.
    """

    faces: int
    difference: float
    same: int
    tied: int

    @property
    def holds(self) -> bool:
        """Whether both say the same; False where one says NaN."""
        return self.difference <= LIMIT and self.same + self.tied == self.faces


def probabilities(
    engine: Engine, faces: UInt8[np.ndarray, "N S S C"], track: Track, description: str
) -> Float[np.ndarray, "N K"]:
    """What an engine says of faces, a batch at a time."""
    starts = track(range(0, len(faces), BATCH), description)
    return np.concatenate([engine(np.ascontiguousarray(faces[i : i + BATCH])) for i in starts])


def compared(expected: Float[np.ndarray, "N K"], found: Float[np.ndarray, "N K"]) -> Parity:
    """How far what is found is from what is expected, of one face or more."""
    same = expected.argmax(axis=1) == found.argmax(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    tied = ~same & (first - second <= LIMIT)
    return Parity(
        len(expected), float(np.abs(expected - found).max()), int(same.sum()), int(tied.sum())
    )
