"""Images that declare more than there is, hide programs, or are something else."""

import io
import struct
import zlib

import numpy as np
import pytest
from image_trees import encoded
from PIL import Image
from watched import watched

from clfer.pictures import UnreadableError, decode

MB = 1 << 20
DECODE = ("from clfer.pictures import decode", "decode(path.read_bytes())")
SIDE = 60_000


def png(width, height, depth=8, colour=0, rows=b"\0"):
    """A PNG with this header and these bytes, compressed, for all of its rows."""
    start = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", start), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def resized(content, place, code):
    """An image whose header declares SIDE x SIDE instead, at the place of its width."""
    changed = bytearray(content)
    struct.pack_into(code, changed, place, SIDE, SIDE)
    return bytes(changed)


PIXELS = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
JPEG = encoded(PIXELS, "JPEG")
DECLARED = {
    "png": png(SIDE, SIDE),
    "bmp": resized(encoded(PIXELS, "BMP"), 18, "<ii"),
    "gif": resized(encoded(PIXELS, "GIF"), 6, "<HH"),
    "jpg": resized(JPEG, JPEG.index(b"\xff\xc0") + 5, ">HH"),
}


@pytest.mark.parametrize("form", DECLARED)
def test_sixty_thousand_pixels_a_side(form, tmp_path):
    (tmp_path / "bomb").write_bytes(DECLARED[form])
    line, grown, seconds = watched(*DECODE, tmp_path / "bomb")
    assert line == "declares more than 100,000,000 pixels"
    assert grown < 20 * MB
    assert seconds < 30


@pytest.mark.parametrize(
    ("content", "bound"),
    [
        pytest.param((9_999, 9_999, 8, 2, bytes(9_999 * 30_000)), 900, id="colour"),
        pytest.param((9_999, 9_999, 16, 0, bytes(9_999 * 20_000)), 500, id="16 bits"),
    ],
)
def test_a_hundred_million_pixels_of_nothing_take_no_more_than_a_few_bytes_each(
    content, bound, tmp_path
):
    """The largest picture that is read at all; its file has some hundred kilobytes."""
    *size, rows = content
    (tmp_path / "large.png").write_bytes(png(*size, rows=rows))
    assert (tmp_path / "large.png").stat().st_size < MB
    line, grown, _ = watched(*DECODE, tmp_path / "large.png")
    assert line == "nothing"
    assert grown < bound * MB


def test_no_program_is_run_to_read_a_picture(tmp_path, monkeypatch):
    """Pillow hands PostScript to Ghostscript, of whatever name the file is."""
    mark = tmp_path / "mark"
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("gs", "gswin32c", "gswin64c"):
        (tmp_path / name).write_text(f"#!/bin/sh\n: > {mark}\n")
        (tmp_path / name).chmod(0o755)
    content = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
    with pytest.raises(UnreadableError, match="no image"):
        decode(content)
    assert not mark.exists()
    with Image.open(io.BytesIO(content)) as opened:  # what a reader of all formats would take
        assert opened.format == "EPS"


@pytest.mark.parametrize("form", ["PPM", "PCX", "TGA", "ICO", "JPEG2000"])
def test_other_formats_are_no_images(form):
    with pytest.raises(UnreadableError, match=r"^no image$"):
        decode(encoded(PIXELS, form))


def test_a_text_of_a_png_that_explodes():
    text = b"Comment\0\0" + zlib.compress(bytes(200 * MB), 9)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + text))
    content = encoded(PIXELS, "PNG")
    with pytest.raises(UnreadableError):
        decode(content[:33] + chunk + content[33:])


def test_a_float_that_is_none():
    levels = np.array([[np.nan, np.inf, -np.inf, 7]], np.float32)
    assert decode(encoded(levels, "TIFF")).shape == (1, 4)
