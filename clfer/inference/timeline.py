"""How the expressions in a video change, in memory that does not grow with its length."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from clfer.inference.frames import Face

BINS = 512
NARROWEST = 0.04  # seconds of a bin; doubled each time that the video is longer than all bins


class Timeline:
    """Sums over the frames of each of at most BINS bins of time, `width` seconds long."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.width = NARROWEST
        self._sums = np.zeros((BINS, len(classes)))
        self._faces = np.zeros(BINS)
        self._frames = np.zeros(BINS)
        self._used = 0

    def add(self, seconds: float, faces: Sequence[Face]) -> None:
        """One more frame, with the faces in it."""
        while seconds >= BINS * self.width:
            self._sums, self._faces, self._frames = map(
                _halved, (self._sums, self._faces, self._frames)
            )
            self.width *= 2
            self._used = (self._used + 1) // 2
        place = int(seconds / self.width)
        self._used = max(self._used, place + 1)
        self._frames[place] += 1
        self._faces[place] += len(faces)
        for face in faces:
            self._sums[place] += [face.probability[name] for name in self.classes]

    @property
    def probability(self) -> Float[np.ndarray, "T K"]:
        """The mean over the faces of each bin; NaN where there is none."""
        return _ratio(self._sums, self._faces[:, None])[: self._used]

    @property
    def faces(self) -> Float[np.ndarray, " T"]:
        """Faces in a frame of each bin, in the mean; NaN where there is no frame."""
        return _ratio(self._faces, self._frames)[: self._used]


def _halved(values: Float[np.ndarray, "T *K"]) -> Float[np.ndarray, "T *K"]:
    """Two bins each put together, and as many empty ones behind."""
    together = values[0::2] + values[1::2]
    return np.concatenate([together, np.zeros_like(together)])


def _ratio(
    sums: Float[np.ndarray, "T *K"], counts: Float[np.ndarray, "T *L"]
) -> Float[np.ndarray, "T *K"]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
