"""Frames of a video, one at a time."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from jaxtyping import UInt8

from clfer.errors import InputError
from clfer.inference.frames import Frame
from clfer.pictures import LARGEST, UnreadableError

QUIET = "-8"  # of FFmpeg's levels
CODEC = "mp4v"  # the one that every build of OpenCV writes
RATE = 25.0  # frames a second where a file does not say


class Video:
    """The frames of a video file; every `every`-th of them is taken.

    UnreadableError: nothing can be decoded, or its frames are larger than LARGEST pixels. Frames
    are upright by the file's own rotation.
    """

    def __init__(self, path: Path, every: int = 1) -> None:
        self.path, self.every = path, every
        if not path.stat().st_size:
            raise UnreadableError("empty file")
        self._capture = cv2.VideoCapture(str(path))
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if not self._capture.isOpened() or not width * height:
            raise UnreadableError("no video that can be decoded")
        if width * height > LARGEST:
            raise UnreadableError(f"declares more than {LARGEST:,} pixels")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if math.isfinite(rate) and 0 < rate < 1000 else RATE
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.declared = int(count) if math.isfinite(count) and count > 0 else 0

    def __len__(self) -> int:
        """How many frames the file says there are to take, at least one; there may be others."""
        return max(math.ceil(self.declared / self.every), 1)

    def __iter__(self) -> Iterator[Frame]:
        """Each frame, decoded; its time is the file's own, or by its rate."""
        number = 0
        while self._capture.grab():
            if number % self.every == 0:
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if number and not 0 < seconds < math.inf:
                    seconds = number / self.rate
                yield self._frame(number, seconds)
            number += 1
        self._capture.release()
        if not number:
            yield self._broken("no frame that can be decoded")

    def _frame(self, number: int, seconds: float) -> Frame:
        good, pixels = self._capture.retrieve()
        if not good:
            return self._broken("a frame that can't be decoded", number, seconds)
        picture = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        return Frame(str(self.path), lambda: picture, number, seconds)

    def _broken(self, reason: str, number: int = 0, seconds: float = 0.0) -> Frame:
        def read() -> UInt8[np.ndarray, "H W *C"]:
            raise UnreadableError(reason)

        return Frame(str(self.path), read, number, seconds)


class Writer:
    """A video that is written frame by frame, all of the first one's size."""

    def __init__(self, path: Path, rate: float) -> None:
        self.path, self.rate = path, rate
        self._writer: cv2.VideoWriter | None = None

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.release()

    def add(self, picture: UInt8[np.ndarray, "H W 3"]) -> None:
        """One more frame. InputError where none can be written."""
        height, width = picture.shape[:2]
        if self._writer is None:
            code = cv2.VideoWriter.fourcc(*CODEC)
            self._writer = cv2.VideoWriter(str(self.path), code, self.rate, (width, height))
            if not self._writer.isOpened():
                raise InputError(f"{self.path}: expected to write a video there, could not")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


@contextmanager
def quiet() -> Iterator[None]:
    """No remarks of OpenCV's on broken files in the block, and none of FFmpeg's from then on."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", QUIET)
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
