"""Image files: whatever their bytes are, a picture or UnreadableError."""

import io

import numpy as np
import pytest
from mutations import attack, broken
from PIL import Image

from clfer.pictures import LARGEST, decode

GREY = np.random.default_rng(0).integers(0, 256, (12, 10), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (12, 10, 3), dtype=np.uint8)
EXIF = Image.Exif()
EXIF[0x0112] = 6


def encoded(pixels, form, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


VALID = {
    "PNG": [encoded(GREY, "PNG"), encoded(GREY.astype(np.uint16) * 257, "PNG", exif=EXIF)],
    "JPEG": [encoded(COLOUR, "JPEG", exif=EXIF), encoded(GREY, "JPEG", progressive=True)],
    "BMP": [encoded(COLOUR, "BMP"), encoded(GREY, "BMP")],
    "GIF": [encoded(GREY, "GIF"), encoded(COLOUR, "GIF", interlace=1)],
    "TIFF": [
        encoded(COLOUR, "TIFF"),
        encoded(COLOUR, "TIFF", compression="tiff_lzw"),
        encoded(GREY, "TIFF", compression="tiff_deflate"),
        encoded(GREY.astype(np.float32), "TIFF"),
    ],
    "WEBP": [encoded(COLOUR, "WEBP", exif=EXIF), encoded(COLOUR, "WEBP", lossless=True)],
}


@pytest.mark.parametrize("form", VALID)
@pytest.mark.parametrize("reach", [1 << 40, 60])
def test_pictures(form, reach):
    def read(content):
        found = decode(content)
        assert found.dtype == np.uint8
        assert found.ndim == 2 or found.shape[2:] == (3,)
        assert found.shape[0] * found.shape[1] <= LARGEST

    name = form if reach > 60 else f"{form}, its start"
    attack(name, broken(*VALID[form], reach=reach), read, 120)
