"""The parts of the page that a browser draws; each has its Vue component in a .js file beside this
one.
"""

import operator
from collections.abc import Sequence

from nicegui.element import Element
from PIL import ImageColor

from clfer.figures.style import COLOURS
from clfer.inference.predictor import Face
from clfer.page.observer import Attention, Sight


class Intake(Element, component="intake.js"):
    """Where pictures come in, to be sent to `address`; emits `problem` with words for people."""

    def __init__(self, address: str, largest: int) -> None:
        super().__init__()
        self._props.update(url=address, largest=largest)


class Picture(Element, component="picture.js"):
    """A picture and the faces in it; emits `choose` with the place of one."""

    def __init__(self) -> None:
        super().__init__()
        self._props.update(faces=[], chosen=0)

    def show(self, sight: Sight, name: str, chosen: int, classes: Sequence[str]) -> None:
        """Another picture, or another face of it chosen."""
        width, height = sight.size
        words = f"{name}, with {len(sight.faces)} faces marked" if sight.faces else name
        boxes = [_box(face, sight.size, classes) for face in sight.faces]
        self._props.update(src=sight.address, alt=words, width=width, height=height)
        self._props.update(faces=boxes, chosen=chosen)
        self.update()


class Bars(Element, component="bars.js"):
    """The probability of each class of a face."""

    def __init__(self) -> None:
        super().__init__()
        self._props.update(rows=[], caption="")

    def show(self, face: Face, caption: str) -> None:
        """Those of another face."""
        rows = [
            {
                "name": name,
                "percent": 100 * value,
                "words": percent(value),
                "colour": COLOURS[place % len(COLOURS)],
                "best": name == face.label,
            }
            for place, (name, value) in enumerate(face.probability.items())
        ]
        self._props.update(rows=rows, caption=caption)
        self.update()


class Blocks(Element, component="blocks.js"):
    """Where each block looked."""

    def __init__(self) -> None:
        super().__init__()
        self._props.update(maps=[{"src": "", "alt": "", "name": "", "grid": "", "mu": None}])

    def show(self, found: Attention) -> None:
        """The maps of another face."""
        alone = "The face as the network takes it"
        maps = [_map(found.address[0], alone, "Face alone", "", None)]
        for j, (address, grid) in enumerate(zip(found.address[1:], found.grids, strict=True)):
            words = f"What block {j + 1} saw that speaks for {found.label}, bright on the face"
            mu = None if found.mu is None else found.mu[j]
            maps.append(_map(address, words, f"Block {j + 1}", f"{grid[0]} × {grid[1]}", mu))
        self._props.update(maps=maps)
        self.update()


def percent(value: float) -> str:
    """A probability in words."""
    return f"{100 * value:.1f} %"


def letters(colour: str) -> str:
    """Black or white, whichever is read more easily on a colour (by WCAG's relative luminance)."""
    levels = (value / 255 for value in ImageColor.getrgb(colour)[:3])
    linear = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in levels)
    luminance = sum(map(operator.mul, (0.2126, 0.7152, 0.0722), linear))
    return "#000000" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "#ffffff"


def _map(address: str, words: str, name: str, grid: str, mu: float | None) -> dict[str, object]:
    return {"src": address, "alt": words, "name": name, "grid": grid, "mu": mu}


def _box(face: Face, size: tuple[int, int], classes: Sequence[str]) -> dict[str, object]:
    """A face's place in percent of the picture, within it, its colour and that of letters on it."""
    assert face.box is not None
    corner, extent = face.box[:2], face.box[2:]
    start = [min(max(at, 0.0), side) for at, side in zip(corner, size, strict=True)]
    ends = (at + long for at, long in zip(corner, extent, strict=True))
    end = [min(max(at, 0.0), side) for at, side in zip(ends, size, strict=True)]
    left, top, right, bottom = (
        100 * at / side for at, side in zip(start + end, size * 2, strict=True)
    )
    colour = COLOURS[classes.index(face.label) % len(COLOURS)]
    return {
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
        "colour": colour,
        "letters": letters(colour),
        "words": f"{face.label} {percent(face.confidence)}",
    }
