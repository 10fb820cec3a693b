"""Small square pictures in rows and columns, as one image on one set of axes."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

GAP, WIDE = 0.06, 0.3  # of a picture's side: between two pictures, between two parts
COLOURS = "magma"  # its lightness rises steadily: it reads in grey and to the colour-blind


def montage(
    axes: Axes, parts: Sequence[Float[np.ndarray, "R _ S S 3"]], names: Sequence[str]
) -> list[float]:
    """Show `parts` from left to right under their names, values in [0, 1], on white.

    Row r is at y = r, and a picture is as high as it is wide. Returns the places of all
    columns on the x axis.
    """
    rows, _, side = parts[0].shape[:3]
    gap, wide = max(round(GAP * side), 1), round(WIDE * side)
    step = side + gap
    columns = sum(part.shape[1] for part in parts)
    width = columns * step + (len(parts) - 1) * (wide - gap) - gap
    sheet = np.ones((rows * step - gap, width, 3))
    places: list[float] = []
    x = 0
    for part, name in zip(parts, names, strict=True):
        own = range(x, x + part.shape[1] * step, step)
        for column, left in enumerate(own):
            for row in range(rows):
                sheet[row * step : row * step + side, left : left + side] = part[row, column]
            places.append(left / step)
        x = own.stop + wide - gap
        axes.text((own[0] + own[-1]) / step / 2, -0.6, name, ha="center", va="bottom", fontsize=9)
    half = side / step / 2
    axes.imshow(sheet, extent=(-half, width / step - half, rows - gap / step - half, -half))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return places


def coloured(maps: Float[np.ndarray, "*batch S S"]) -> Float[np.ndarray, "*batch S S 3"]:
    """Values in [0, 1] as colours; white where they are NaN."""
    colours = mpl.colormaps[COLOURS].with_extremes(bad="white")
    found: Float[np.ndarray, "*batch S S 3"] = colours(np.ma.masked_invalid(maps))[..., :3]
    return found


def scale(figure: Figure, axes: Axes, label: str) -> None:
    """The colour bar of `coloured`, to the right of some axes."""
    mapped = ScalarMappable(Normalize(0, 1), mpl.colormaps[COLOURS])
    bar = figure.colorbar(mapped, ax=axes, fraction=0.02, aspect=25, ticks=[0, 0.5, 1], label=label)
    bar.ax.tick_params(labelsize=8)
