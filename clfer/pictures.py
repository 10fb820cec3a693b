"""Image and .npy files as arrays."""

import io
import warnings
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageOps

from clfer.errors import in_one_line

if TYPE_CHECKING:
    import polars as pl

LARGEST = 100_000_000  # pixels; more than any camera's, and a bound on what a file can declare
GREY = {"1", "L", "LA"}
# What Pillow tries on a file: of all its formats, not those that run another program.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
STRIP = 1 << 20  # pixels that are converted at a time, so that no copy of them all is made

# Of damage and of sizes, which are our caller's to hear of once and by UnreadableError.
warnings.filterwarnings("ignore", module="PIL")


class UnreadableError(Exception):
    """There is no picture to be had; the message says why, in a few words for people."""


@runtime_checkable
class Pictures(Protocol):
    """A picture for each row of a table, grey [H, W] or RGB [H, W, 3], read when asked for."""

    def __getitem__(self, row: int, /) -> UInt8[np.ndarray, "H W *C"]: ...


@runtime_checkable
class Opened(Protocol):
    """All pictures of a dataset, of which those of some rows of its table are asked for."""

    def __call__(self, rows: "pl.DataFrame", /) -> Pictures: ...


def decode(content: bytes) -> UInt8[np.ndarray, "H W *C"]:
    """The first frame of an image file, upright by its EXIF orientation: grey [H, W], or RGB
    [H, W, 3].

    UnreadableError: it is no image of FORMATS, damaged, truncated, or declares more than LARGEST
    pixels.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise UnreadableError(f"declares more than {LARGEST:,} pixels")
            turn_upright(image)
            return pixels(image)
    except UnreadableError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"declares more than {LARGEST:,} pixels") from error
    except Exception as error:  # decoders of broken bytes trip over anything
        reason = in_one_line(error)
        if "cannot identify" in reason:
            reason = "no image" if content else "empty file"
        raise UnreadableError(reason) from error


def turn_upright(image: Image.Image) -> None:
    """Turn an image by its EXIF orientation. What else the EXIF says is dropped: Pillow would write
    it anew, and fails where an entry is not of its usual type.
    """
    image.getexif()  # keeps the orientation
    for name in ("exif", "Raw profile type exif"):
        image.info.pop(name, None)
    ImageOps.exif_transpose(image, in_place=True)


def pixels(image: Image.Image) -> UInt8[np.ndarray, "H W *C"]:
    """Grey [H, W] or RGB [H, W, 3] of any image of Pillow's; transparency is dropped."""
    deep = image.mode.startswith(("I", "F"))  # 16 or 32 bits of grey
    grey = deep or image.mode in GREY
    shape = (image.height, image.width) if grey else (image.height, image.width, 3)
    levels, divisor = np.empty(shape, np.uint8), _divisor(image) if deep else 1.0
    rows = max(1, STRIP // image.width)
    for top in range(0, image.height, rows):
        below = min(top + rows, image.height)
        strip = image.crop((0, top, image.width, below))
        if deep:
            shallow = np.clip(np.asarray(strip, dtype=np.float64) / divisor, 0, 255)
            levels[top:below] = np.nan_to_num(shallow)
        else:
            levels[top:below] = np.asarray(strip.convert("L" if grey else "RGB"))
    return levels


def _divisor(image: Image.Image) -> float:
    """What brings grey levels to eight bits. 32 bits do not say: by the largest of them, and of
    floats up to 1 that is white.
    """
    extremes: Any = None if image.mode.startswith("I;16") else image.getextrema()  # of one band
    if extremes is None or extremes[1] > 255:
        return 257.0
    return 1 / 256 if image.mode.startswith("F") and extremes[1] <= 1 else 1.0


def read_npy(content: bytes) -> Shaped[np.ndarray, "..."]:
    """The array of a .npy file. ValueError: it is none, is pickled, or declares another size."""
    file = io.BytesIO(content)
    try:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy trips over broken headers in many ways
        raise ValueError(in_one_line(error)) from error
    if file.read(1):
        raise ValueError("more bytes than it declares")
    return array
