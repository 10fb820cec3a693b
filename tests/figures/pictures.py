"""What a picture must be, whatever it shows."""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from PIL import Image


def check_picture(
    draw: Callable[[Path], None], tmp_path: Path, inches: tuple[float, float]
) -> None:
    """It decodes, has its size, is not blank, and has the same bytes under any matplotlibrc."""
    first, second = tmp_path / "first.png", tmp_path / "deep" / "second.png"
    draw(first)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        draw(second)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "first.png"]
    with Image.open(first) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.info.get("Software") is None
        for pixels, length in zip(picture.size, inches, strict=True):
            assert abs(pixels - 150 * length) <= 1
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
