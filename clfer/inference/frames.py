"""What is looked at, and what is seen in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from clfer.pictures import UnreadableError, decode

UNSURE = "unsure"  # the label of a face whose best class is less probable than was asked for
LARGEST = 1 << 28  # bytes of an image file

Picture = UInt8[np.ndarray, "H W *C"]


@dataclass(frozen=True)
class Face:
    """A face, and how probable each expression is.

    box: left, top, width, height in pixels of the picture, and the landmarks (x, y of eyes, nose
    and corners of the mouth, left to right) and score of its detection; None for a face crop.
    """

    probability: dict[str, float]
    box: tuple[float, float, float, float] | None = None
    detection_score: float | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None

    @property
    def label(self) -> str:
        """The most probable class, of equal ones the first."""
        return max(self.probability, key=self.probability.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return self.probability[self.label]


@dataclass(frozen=True)
class Frame:
    """A picture to look at. read: its pixels, or UnreadableError; number and seconds: of a video's
    frame, from 0.
    """

    name: str
    read: Callable[[], Picture]
    number: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Seen:
    """What was seen in a frame: its faces from left to right, or why it could not be read."""

    frame: Frame
    faces: list[Face]
    picture: Picture | None  # where it was asked for
    problem: str | None


def read(path: Path) -> Picture:
    """The picture in a file; UnreadableError where there is none."""
    try:
        if path.stat().st_size > LARGEST:
            raise UnreadableError(f"larger than {LARGEST >> 20} MiB")
        return decode(path.read_bytes())
    except OSError as error:
        raise UnreadableError((error.strerror or type(error).__name__).lower()) from error


def taken() -> Picture:
    """In place of a frame's `read` when that was done: a video's holds its pixels."""
    raise UnreadableError("looked at already")
