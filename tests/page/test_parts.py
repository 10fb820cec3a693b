"""What is written on a colour can be read."""

import pytest
from matplotlib.colors import to_rgb

pytest.importorskip("nicegui")

from clfer.figures.style import COLOURS
from clfer.page.parts import letters


def luminance(colour):
    """Of WCAG 2.2, which is that of sRGB."""
    levels = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in to_rgb(colour)]
    return 0.2126 * levels[0] + 0.7152 * levels[1] + 0.0722 * levels[2]


@pytest.mark.parametrize("colour", COLOURS)
def test_letters_have_the_contrast_of_level_aa(colour):
    dark, light = sorted([luminance(colour), luminance(letters(colour))])
    assert (light + 0.05) / (dark + 0.05) >= 4.5
