"""Pictures to predict on: files, folders, arrays and the frames of videos."""

import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from clfer.errors import InputError
from clfer.pictures import LARGEST, UnreadableError, decode, pixels, turn_upright

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
OTHERS = (".avif", ".heic", ".heif", ".jxl")  # pictures that can't be read, to be named
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
STDIN = "-"
LONGEST = 255  # bytes of a file's name
LARGEST_FILE = 1 << 28  # bytes of an image file
CHANNELS = ((), (1,), (3,), (4,))  # grey, grey, RGB, RGBA
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
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)  # a device has no size, and no end
    except OSError as error:
        raise UnreadableError(_reason(error)) from error
    if len(content) > LARGEST_FILE:
        raise UnreadableError(f"larger than {LARGEST_FILE >> 20} MiB")
    try:
        return decode(content)
    except UnreadableError as error:
        if (kind := path.suffix.lower()) in OTHERS:
            raise UnreadableError(f"no {kind} can be read; make it a JPEG") from error
        raise


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def as_pixels(picture: object) -> Picture:
    """Grey [H, W] or RGB [H, W, 3] of a path, a PIL image, or a uint8 array [H, W], [H, W, 1],
    [H, W, 3] (RGB) or [H, W, 4] (RGBA, whose transparency is dropped).

    TypeError for another type, InputError for another array, UnreadableError for another file.
    """
    if isinstance(picture, (str, Path)):
        try:
            return read(Path(picture))
        except UnreadableError as error:
            raise UnreadableError(f"{picture}: {error}") from error
    if isinstance(picture, Image.Image):
        return _of_image(picture)
    if not isinstance(picture, np.ndarray):
        raise TypeError(
            "picture: expected a path, a PIL image or an array; found "
            f"{type(picture).__name__}; of several pictures, give one at a time"
        )
    channels = picture.shape[2:] if picture.ndim in (2, 3) else None
    if picture.dtype != np.uint8 or channels not in CHANNELS or not picture.size:
        raise InputError(
            "picture: expected uint8 in 0..255 as grey [H, W], RGB [H, W, 3] or RGBA [H, W, 4], "
            f"channels last; found {picture.dtype} {list(picture.shape)}; of floats in 0..1 take "
            "(255 * picture).astype('uint8')"
        )
    if channels == (1,):
        return picture[..., 0]
    return picture[..., :3] if picture.ndim == 3 else picture


def _of_image(image: Image.Image) -> Picture:
    """Pixels of an image of Pillow's, upright by its EXIF orientation."""
    if not image.width * image.height:
        raise InputError(f"picture: expected pixels, found none in {list(image.size)}")
    try:
        image = image.copy()
        turn_upright(image)
        return pixels(image)
    except OSError as error:  # decoded only now, and damaged
        raise UnreadableError(str(error)) from error


@dataclass(frozen=True, slots=True)
class Source:
    """A file to predict on, and its name below the folder that was given, for output files. There
    may be millions: text takes a quarter of what paths do.
    """

    file: str
    name: str

    @property
    def path(self) -> Path:
        return Path(self.file)

    @property
    def is_video(self) -> bool:
        return _ending(self.file) in VIDEOS


def sources(given: Sequence[str], listed: Iterable[str]) -> list[Source]:
    """The files that are named, each once: files themselves, the pictures and videos in folders and
    their subfolders in order of name, and for `-` the names in `listed`, one a line. A subfolder
    that can't be read is a source as well, which can't be either.

    InputError where nothing has such a name, or a folder holds no picture and no video.
    """
    files: dict[str, Source] = {}
    taken: dict[str, int] = {}  # several folders may hold files of one name
    for file, name in chain.from_iterable(map(_in_path, _names(given, listed))):
        if file not in files:
            files[file] = Source(file, free_name(name, os.path.splitext(name)[1], taken))
    if not files:
        raise InputError("-: expected names of files, one a line; found none")
    return list(files.values())


def free_name(name: str, ending: str, taken: dict[str, int]) -> str:
    """The name with this ending, cut where it is too long for a file, and with a number where it is
    taken; it is taken from then on. taken: names, and the first number that may be free for each
    """
    folder, own = os.path.split(name)
    stem = own.removesuffix(ending)
    wanted = os.path.join(folder, stem + ending)
    for number in count(taken.get(wanted, 1)):
        tail = f"-{number}{ending}" if number > 1 else ending
        kept = os.fsencode(stem)[: LONGEST - len(os.fsencode(tail))]
        cut = len(os.fsencode(stem)) > len(kept)
        free = os.path.join(folder, (kept.decode(errors="ignore") if cut else stem) + tail)
        if free not in taken:
            break
    taken[free] = 2
    taken[wanted] = number + 1
    return free


def _names(given: Sequence[str], listed: Iterable[str]) -> Iterator[Path]:
    for name in given:
        if not name:
            raise InputError("PATH: expected a picture, a video or a folder; found an empty name")
        lines = (line.rstrip("\r\n") for line in listed) if name == STDIN else [name]
        yield from map(Path, filter(None, lines))


def _in_path(path: Path) -> Iterator[tuple[str, str]]:
    """The files there, and their names below it."""
    try:
        if is_folder := stat.S_ISDIR(path.stat().st_mode):
            os.scandir(path).close()
    except (OSError, ValueError) as error:  # or a name that no system takes
        denied = isinstance(error, PermissionError)
        found = "one that may not be read" if denied else "nothing there"
        raise InputError(
            f"{path}: expected a picture, a video or a folder; found {found}"
        ) from error
    if not is_folder:
        yield str(path), path.name
        return
    inside = _inside("" if path == Path() else str(path), "", (os.path.realpath(path),))
    if (first := next(inside, None)) is None:
        raise InputError(
            f"{path}: expected pictures ({' '.join(PICTURES)}) or videos ({' '.join(VIDEOS)}) in "
            "it; found none"
        )
    yield first
    yield from inside


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _inside(folder: str, below: str, ancestors: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The pictures and videos in a folder and its subfolders, in order of name; of a subfolder that
    can't be read its own name. Links are followed, but not to a folder that they lie in.

    ancestors: the folder itself and those above it, without links
    """
    try:
        with os.scandir(folder or ".") as there:
            inside = sorted((one for one in there if one.name[0] != "."), key=lambda one: one.name)
    except OSError:
        yield folder, below
        return
    for one in inside:
        place = os.path.join(folder, one.name), os.path.join(below, one.name)
        if os.path.isdir(place[0]) if one.is_symlink() else one.is_dir():
            inner = os.path.join(ancestors[-1], one.name)
            real = os.path.realpath(place[0]) if one.is_symlink() else inner
            if real not in ancestors:
                yield from _inside(*place, (*ancestors, real))
        elif _ending(one.name) in PICTURES + OTHERS + VIDEOS and os.path.isfile(place[0]):
            yield place


class Video:
    """The frames of a video file, upright by its own rotation; only every `every`-th is decoded.

    UnreadableError: nothing can be decoded, or its frames are larger than LARGEST pixels.
    """

    def __init__(self, path: Path, every: int = 1) -> None:
        self.path, self.every = path, every
        try:
            if not path.stat().st_size:
                raise UnreadableError("empty file")
            path.open("rb").close()
        except OSError as error:
            raise UnreadableError(_reason(error)) from error
        # FFmpeg takes a relative name such as http:/host/a.mp4 for an address; and as text OpenCV
        # crashes on names that are no UTF-8
        self._capture = cv2.VideoCapture(os.fsencode(path.absolute()))  # type: ignore[call-overload]
        width = self._capture.get(cv2.CAP_PROP_FRAME_WIDTH)
        height = self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if not self._capture.isOpened() or not width * height:
            raise UnreadableError("no video that can be decoded")
        if width * height > LARGEST:
            raise UnreadableError(f"declares more than {LARGEST:,} pixels")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = rate if 0 < rate < 1000 else RATE
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._declared = count if math.isfinite(count) else 0

    @property
    def step(self) -> float:
        """Seconds from one frame to the next that is decoded."""
        return self.every / self.rate

    def __len__(self) -> int:
        """The number of frames by the file's header, at least one; it may be wrong."""
        return max(math.ceil(self._declared / self.every), 1)

    def __iter__(self) -> Iterator[Frame]:
        """The frames, decoded; their times are the file's own, or follow from its rate."""
        number = 0
        while self._capture.grab():
            if number % self.every == 0:
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                if number and not 0 < seconds < math.inf:
                    seconds = number / self.rate
                good, decoded = self._capture.retrieve()
                shown = decoded if good else "a frame that can't be decoded"
                yield self._frame(shown, number, seconds)
            number += 1
        self._capture.release()
        if not number:
            yield self._frame("no frame that can be decoded", 0, 0.0)

    def _frame(self, decoded: np.ndarray | str, number: int, seconds: float) -> Frame:
        """decoded: blue, green and red; or why there is none"""

        def read() -> Picture:
            if isinstance(decoded, str):
                raise UnreadableError(decoded)
            return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)

        return Frame(str(self.path), read, number, seconds)


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
