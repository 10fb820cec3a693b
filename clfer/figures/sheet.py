"""Pictures and words at known places of a page."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clfer.figures.page import FAINT


class Sheet:
    """A page on which places are inches from its upper left corner."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure, self.width, self.height = figure, width, height

    def box(
        self, left: float, top: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        """A box as matplotlib takes it."""
        up = 1 - (top + height) / self.height
        return left / self.width, up, width / self.width, height / self.height

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Room for a picture, which stands in its upper left."""
        axes = self.figure.add_axes(self.box(left, top, width, height), anchor="NW")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        return axes

    def write(self, left: float, top: float, words: str, size: float, bold: bool = False) -> None:
        """Lines below a height; bold, or faint."""
        self.figure.text(
            left / self.width,
            1 - top / self.height,
            literal(words),
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color="black" if bold else FAINT,
            va="top",
        )


def literal(text: str) -> str:
    """The text with its dollars as such: matplotlib takes what stands between two for a formula."""
    return text.replace("$", r"\$")


def short(text: str, letters: int) -> str:
    """The text without its middle where it is longer: names often differ at their ends."""
    half = letters // 2
    return text if len(text) <= letters else f"{text[:half]}…{text[1 - half :]}"
