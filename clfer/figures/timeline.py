"""A video's expressions over time."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator

from clfer.figures.palette import COLOURS, FAINT
from clfer.figures.style import WIDTH, page
from clfer.inference.predictor import Face

BINS = 512
NARROWEST = 0.04  # seconds of a bin


class Timeline:
    """Sums over the frames of each of at most BINS bins, `width` seconds each, which is doubled
    whenever the video turns out longer than all bins: memory does not grow with its length.

    A bin between two frames is as the one before it, as a player shows a frame until the next.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.width = NARROWEST
        self._sums = np.zeros((BINS, 2 + len(classes)))  # frames, faces, probabilities
        self._used = 0

    def add(self, seconds: float, faces: Sequence[Face]) -> None:
        """One more frame, with the faces in it."""
        while seconds >= BINS * self.width:
            pairs = self._sums[0::2] + self._sums[1::2]
            self._sums = np.concatenate([pairs, np.zeros_like(pairs)])
            self.width *= 2
            self._used = (self._used + 1) // 2
        place = int(seconds / self.width)
        self._used = max(self._used, place + 1)
        self._sums[place, :2] += (1, len(faces))
        for face in faces:
            self._sums[place, 2:] += [face.probability[name] for name in self.classes]

    @property
    def probability(self) -> Float[np.ndarray, "T K"]:
        """The mean over the faces of each bin; NaN where there is none."""
        return _ratio(self._held[:, 2:], self._held[:, 1:2])

    @property
    def faces(self) -> Float[np.ndarray, " T"]:
        """Mean number of faces in a frame of each bin."""
        return _ratio(self._held[:, 1], self._held[:, 0])

    @property
    def _held(self) -> Float[np.ndarray, "T _"]:
        """The sums of each bin, or of the last one before it that has a frame."""
        numbers = np.arange(self._used)
        return self._sums[np.maximum.accumulate(numbers * (self._sums[: self._used, 0] > 0))]

    def draw(self, title: str, path: Path) -> None:
        """Stacked mean probabilities of the classes over time, and the number of faces below; a gap
        where there is no face.
        """
        tops = np.cumsum(np.pad(self.probability, ((0, 0), (1, 0))), axis=1).T
        edges = np.arange(self._used + 1) * self.width
        with page(path, WIDTH, 4.2) as figure:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
            for k, name in enumerate(self.classes):
                colour = COLOURS[k % len(COLOURS)]
                look = {"fill": True, "color": colour, "label": name, "lw": 0}
                upper.stairs(tops[k + 1], edges, baseline=tops[k], **look)
            upper.set(ylim=(0, 1), ylabel="mean probability", title=title)
            lower.stairs(np.nan_to_num(self.faces), edges, color=FAINT)
            lower.set(xlim=(0, edges[-1]), xlabel="time (min:s)", ylabel="faces")
            lower.set_ylim(bottom=0)
            lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
            lower.xaxis.set_major_formatter(lambda at, _: _clock(at))
            figure.legend(*upper.get_legend_handles_labels(), loc="outside right upper")


def _ratio(
    sums: Float[np.ndarray, "T *K"], counts: Float[np.ndarray, "T *L"]
) -> Float[np.ndarray, "T *K"]:
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f}:{rest:02.0f}" if rest == int(rest) else f"{minutes:.0f}:{rest:04.1f}"
