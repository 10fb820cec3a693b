"""Pictures to predict on: files, folders, arrays and the frames of videos."""

import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from clfer.errors import InputError
from clfer.pictures import LARGEST, UnreadableError, decode, pixels

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
STDIN = "-"
LARGEST_FILE = 1 << 28  # bytes of an image file
RATE = 25.0  # frames a second where a video does not say

Picture = UInt8[np.ndarray, "H W *C"]


@dataclass(frozen=True)
class Frame:
    """A picture still to be read.

    read:            returns its pixels, or raises UnreadableError
    number, seconds: of a video's frame, from 0
    """

    name: str
    read: Callable[[], Picture]
    number: int | None = None
    seconds: float | None = None


def read(path: Path) -> Picture:
    """The picture in a file; UnreadableError where there is none."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UnreadableError(f"larger than {LARGEST_FILE >> 20} MiB")
        return decode(path.read_bytes())
    except OSError as error:
        raise UnreadableError((error.strerror or type(error).__name__).lower()) from error


def as_pixels(picture: object) -> Picture:
    """Grey [H, W] or RGB [H, W, 3] of a path, a PIL image, or a uint8 array [H, W], [H, W, 1],
    [H, W, 3] (RGB) or [H, W, 4] (RGBA, whose transparency is dropped).

    TypeError for another type, InputError for another array, UnreadableError for another file.
    """
    if isinstance(picture, (str, Path)):
        return read(Path(picture))
    if isinstance(picture, Image.Image):
        return _of_image(picture)
    if not isinstance(picture, np.ndarray):
        raise TypeError(
            "picture: expected a path, a PIL image or an array; found "
            f"{type(picture).__name__}; of several pictures, give one at a time"
        )
    if picture.dtype != np.uint8:
        raise InputError(
            f"picture: expected uint8 in 0..255, found {picture.dtype}; convert it, such as by "
            "(255 * picture).astype('uint8') from 0..1"
        )
    if picture.ndim not in (2, 3) or picture.shape[2:] not in ((), (1,), (3,), (4,)):
        raise InputError(
            "picture: expected one picture, grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4]; found "
            f"{list(picture.shape)}; channels come last"
        )
    if not picture.size:
        raise InputError(f"picture: expected pixels, found none in {list(picture.shape)}")
    if picture.shape[2:] == (1,):
        return picture[..., 0]
    return picture[..., :3] if picture.ndim == 3 else picture


def _of_image(image: Image.Image) -> Picture:
    """Pixels of an image of Pillow's, upright by its EXIF orientation."""
    if not image.width * image.height:
        raise InputError(f"picture: expected pixels, found none in {list(image.size)}")
    try:
        return pixels(ImageOps.exif_transpose(image))
    except OSError as error:  # decoded only now, and damaged
        raise UnreadableError(str(error)) from error


@dataclass(frozen=True)
class Source:
    """A file to predict on, and its name below the folder that was given, for output files."""

    path: Path
    name: Path

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS


def sources(given: Sequence[str], listed: Iterable[str]) -> list[Source]:
    """The files that are named, each once: files themselves, the pictures and videos in folders and
    their subfolders in order of name, and for `-` the names in `listed`, one a line.

    InputError where nothing has such a name, or a folder holds no picture and no video.
    """
    files: dict[Path, Source] = {}
    for name in _names(given, listed):
        for source in _in_path(Path(name)):
            files.setdefault(source.path, source)
    if not files:
        raise InputError("-: expected names of files, one a line; found none")
    return _unique_names(files.values())


def _names(given: Sequence[str], listed: Iterable[str]) -> Iterator[str]:
    for name in given:
        if name == STDIN:
            yield from filter(None, (line.rstrip("\r\n") for line in listed))
        else:
            yield name


def _in_path(path: Path) -> Iterator[Source]:
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):  # a name that no system takes
        is_folder, exists = False, False
    if not exists:
        raise InputError(f"{path}: expected a picture, a video or a folder; found nothing there")
    if not is_folder:
        yield Source(path, Path(path.name))
        return
    inside = [one for one in sorted(path.rglob("*")) if _is_wanted(one, path)]
    if not inside:
        raise InputError(
            f"{path}: expected pictures ({' '.join(PICTURES)}) or videos ({' '.join(VIDEOS)}) in "
            "it; found none"
        )
    yield from (Source(one, one.relative_to(path)) for one in inside)


def _is_wanted(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in PICTURES + VIDEOS and path.is_file()


def _unique_names(files: Iterable[Source]) -> list[Source]:
    """The same with names that no two share: several folders may hold files of one name."""
    taken: dict[Path, Source] = {}
    for source in files:
        name, number = source.name, 2
        while name in taken:
            name = source.name.with_stem(f"{source.name.stem}-{number}")
            number += 1
        taken[name] = Source(source.path, name)
    return list(taken.values())


class Video:
    """The frames of a video file, upright by its own rotation; only every `every`-th is decoded.

    UnreadableError: nothing can be decoded, or its frames are larger than LARGEST pixels.
    """

    def __init__(self, path: Path, every: int = 1) -> None:
        self.path, self.every = path, every
        if not path.stat().st_size:
            raise UnreadableError("empty file")
        # FFmpeg takes a relative name such as http:/host/a.mp4 for an address
        self._capture = cv2.VideoCapture(str(path.absolute()))
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

    @property
    def step(self) -> float:
        """Seconds from one frame to the next that is decoded."""
        return self.every / self.rate

    def __len__(self) -> int:
        """The number of frames by the file's header, at least one; it may be wrong."""
        return max(math.ceil(self.declared / self.every), 1)

    def __iter__(self) -> Iterator[Frame]:
        """The frames, decoded; their times are the file's own, or follow from its rate."""
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
            yield self._broken("no frame that can be decoded", 0, 0.0)

    def _frame(self, number: int, seconds: float) -> Frame:
        good, decoded = self._capture.retrieve()
        if not good:
            return self._broken("a frame that can't be decoded", number, seconds)
        picture = np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
        return Frame(str(self.path), lambda: picture, number, seconds)

    def _broken(self, reason: str, number: int, seconds: float) -> Frame:
        def fail() -> Picture:
            raise UnreadableError(reason)

        return Frame(str(self.path), fail, number, seconds)


@contextmanager
def quiet() -> Iterator[None]:
    """No messages from OpenCV on broken files in the block, and none from FFmpeg from then on."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
