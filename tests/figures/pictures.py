"""What a picture must be, whatever it shows."""

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"


def check_picture(
    draw: Callable[[Path], None], tmp_path: Path, inches: tuple[float, float]
) -> None:
    """As PNG it decodes, has its size and is not blank; as SVG it is well-formed, has its size, and
    its letters are text. Both have the same bytes under any matplotlibrc, and nothing else is left.
    """
    for suffix in (".png", ".svg"):
        first, second = tmp_path / f"first{suffix}", tmp_path / "deep" / f"second{suffix}"
        draw(first)
        with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
            draw(second)
        assert first.read_bytes() == second.read_bytes()
    names = ["deep", "first.png", "first.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    check_png(tmp_path / "first.png", inches)
    check_svg(tmp_path / "first.svg", inches)


def check_png(path: Path, inches: tuple[float, float]) -> None:
    with Image.open(path) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.info.get("Software") is None
        for pixels, length in zip(picture.size, inches, strict=True):
            assert abs(pixels - 150 * length) <= 1
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


def check_svg(path: Path, inches: tuple[float, float]) -> None:
    root = ElementTree.parse(path).getroot()
    assert root.tag == f"{SVG}svg"
    for name, length in zip(("width", "height"), inches, strict=True):
        assert abs(float(root.attrib[name].removesuffix("pt")) - 72 * length) < 0.01
    assert any(text.text for text in root.iter(f"{SVG}text"))
    dates = ("{http://purl.org/dc/elements/1.1/}date", "{http://purl.org/dc/elements/1.1/}creator")
    assert not any(list(root.iter(tag)) for tag in dates)


def words(path: Path) -> list[str]:
    """What is written in an SVG, in the order of drawing."""
    return [text.text or "" for text in ElementTree.parse(path).getroot().iter(f"{SVG}text")]
