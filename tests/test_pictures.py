"""Image files as arrays: whatever they are inside, grey or RGB of eight bits, upright."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from clfer.inference.frames import as_pixels
from clfer.pictures import UnreadableError, decode

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (20, 30), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def encoded(image, form="PNG", **options):
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def test_grey_and_colour_come_back_as_they_are():
    assert (decode(encoded(Image.fromarray(GREY))) == GREY).all()
    assert (decode(encoded(Image.fromarray(COLOUR))) == COLOUR).all()


@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "I;16"])
def test_other_modes_become_one_of_the_two(mode):
    if mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(GREY if mode in ("1", "LA") else COLOUR).convert(mode)
    found = decode(encoded(image, "TIFF" if mode == "CMYK" else "PNG"))
    assert found.dtype == np.uint8
    assert found.shape == ((20, 30) if mode in ("1", "LA", "I;16") else (20, 30, 3))
    if mode in ("LA", "I;16"):
        assert (found == GREY).all()


def test_a_dark_picture_of_sixteen_bits_stays_dark():
    dark = Image.fromarray(np.full((20, 30), 200, np.uint16))
    assert (decode(encoded(dark)) == 0).all()


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_grey_levels_as_floats(white):
    image = Image.fromarray((np.kron(GREY, [1, 0]) / 255 * white).astype(np.float32))
    assert (decode(encoded(image, "TIFF")) == np.kron(GREY, [1, 0])).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_undone(orientation):
    """What a camera held sideways stores comes back as it was seen."""
    seen = Image.fromarray(COLOUR)
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,  # stored a quarter turn from what is seen
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = seen if undo is None else seen.transpose(undo)
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (decode(encoded(stored, exif=exif)) == COLOUR).all()


def test_orientation_beside_an_entry_of_another_type():
    """Pillow can't write such an entry anew: here a resolution in letters."""
    entries = struct.pack("<HHIHHHHI", 0x0112, 3, 1, 6, 0, 0x011A, 2, 2) + b"A\0\0\0"
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    content = encoded(Image.fromarray(COLOUR), exif=exif)
    turned = np.rot90(COLOUR, -1)
    assert (decode(content) == turned).all()
    assert (as_pixels(Image.open(io.BytesIO(content))) == turned).all()


def declared(width, height):
    """A PNG of a few bytes that declares this size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"this is text", "no image"),
        (encoded(Image.fromarray(COLOUR), "JPEG")[:200], "runcated"),
        (declared(60_000, 60_000), "declares more than 100,000,000 pixels"),
        (declared(11_000, 11_000), "declares more than 100,000,000 pixels"),
        (declared(30, 20), "."),
    ],
)
def test_what_is_no_picture_says_why(content, reason):
    with pytest.raises(UnreadableError, match=reason):
        decode(content)
