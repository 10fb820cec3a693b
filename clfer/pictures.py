"""Image files as arrays."""

import io
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps

LARGEST = 100_000_000  # pixels; more than any camera's, and a bound on what a file can declare
GREY = {"1", "L", "LA"}


class UnreadableError(Exception):
    """There is no picture to be had; the message says why, in a few words for people."""


@runtime_checkable
class Pictures(Protocol):
    """A picture for each row of a table, grey [H, W] or RGB [H, W, 3], read when asked for."""

    def __getitem__(self, row: int, /) -> UInt8[np.ndarray, "H W *C"]: ...


def decode(content: bytes) -> UInt8[np.ndarray, "H W *C"]:
    """The first frame of an image file, upright by its EXIF orientation: grey [H, W], or RGB
    [H, W, 3].

    UnreadableError: it is no image, damaged, truncated, or declares more than LARGEST pixels.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > LARGEST:
                raise UnreadableError(f"declares more than {LARGEST:,} pixels")
            upright = ImageOps.exif_transpose(image)
            if image.mode.startswith(("I", "F")):  # 16 or 32 bits of grey
                return _eight_bits(np.asarray(upright, dtype=np.float64), image.mode)
            return np.asarray(upright.convert("L" if image.mode in GREY else "RGB"))
    except UnreadableError:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableError(f"declares more than {LARGEST:,} pixels") from error
    except Exception as error:  # decoders of broken bytes trip over anything
        reason = " ".join(str(error).split()) or type(error).__name__
        if "cannot identify" in reason:
            reason = "no image" if content else "empty file"
        raise UnreadableError(reason) from error


def _eight_bits(levels: Float[np.ndarray, "H W"], mode: str) -> UInt8[np.ndarray, "H W"]:
    """Grey levels of 16 bits as 8; those of 32, which do not say, by the largest of them."""
    sixteen = mode.startswith("I;16") or levels.max(initial=0.0) > 255
    return np.clip(levels / 257 if sixteen else levels, 0, 255).astype(np.uint8)
