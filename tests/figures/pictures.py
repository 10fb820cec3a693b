"""What a picture must be, whatever it shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
from PIL import Image

SVG = "{http://www.w3.org/2000/svg}"


def check_picture(folder: Path, width: float, draw: Callable[..., None], *given: Any) -> list[str]:
    """As PNG it decodes and is not blank; as SVG it is well-formed, its letters are text, and its
    bytes the same under any matplotlibrc; both are `width` inches wide, and have neither version
    nor date in them. The SVG's words, in the order of drawing.
    """
    first, second = folder / "first.svg", folder / "deep" / "second.svg"
    draw(*given, folder / "first.png")
    draw(*given, first)
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path"}):
        draw(*given, second)
    assert first.read_bytes() == second.read_bytes()
    names = ["deep", "first.png", "first.svg"]
    assert sorted(path.name for path in folder.iterdir()) == names
    with Image.open(folder / "first.png") as picture:
        assert picture.format == "PNG"
        assert picture.info.get("Software") is None
        assert abs(picture.width - 150 * width) <= 1
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20
    root = ElementTree.parse(folder / "first.svg").getroot()
    assert abs(float(root.attrib["width"].removesuffix("pt")) - 72 * width) < 0.01
    dates = ("{http://purl.org/dc/elements/1.1/}date", "{http://purl.org/dc/elements/1.1/}creator")
    assert not any(list(root.iter(tag)) for tag in dates)
    return [text.text or "" for text in root.iter(f"{SVG}text")]
