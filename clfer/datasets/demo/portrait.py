"""A head with its features where an expression has moved them: tones of the skin, no light yet."""

import numpy as np

from clfer.datasets.demo import head
from clfer.datasets.demo.anatomy import Features
from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Canvas, Points, curve, oval
from clfer.datasets.demo.creases import creases
from clfer.datasets.demo.mouth import mouth
from clfer.datasets.demo.places import BROWS_Y, EYES_Y, NOSE_DEPTH, SIDES, nose_y, outline


def draw(canvas: Canvas, who: Person, face: Features) -> None:
    """The whole head, back to front."""
    head.behind(canvas, who)
    canvas.fill(outline(who, face), who.skin)
    creases(canvas, who, face)
    head.beard(canvas, who, face)
    _nose(canvas, who, face)
    mouth(canvas, who, face)
    for side, sign in SIDES:
        _eye(canvas, who, face, side, sign)
    head.hair(canvas, who)
    for side, sign in SIDES:
        _brow(canvas, who, face, side, sign)
    if who.glasses:
        head.glasses(canvas, who)


def _brow(canvas: Canvas, who: Person, face: Features, side: int, sign: float) -> None:
    """Thick at the inner end, thin at the outer one."""
    x, y, tilt, moved = who.eye_distance, BROWS_Y - who.brow_raised, who.brow_tilt, face.upper
    line = curve(
        (sign * (x - 4 - moved.brow_gather[side]), y - moved.brow_inner[side] + 0.4 * tilt),
        (sign * (x + 0.2), y - 1.1 - moved.brow_middle[side]),
        (sign * (x + 4.6), y + 0.5 - moved.brow_outer[side] - tilt),
    )
    half = np.zeros_like(line)
    half[:, 1] = who.brow_thickness * (0.55 - 0.4 * np.linspace(0, 1, len(line)) ** 2)
    canvas.fill(np.concatenate([line - half, (line + half)[::-1]]), who.brow_tone)


def _eye(canvas: Canvas, who: Person, face: Features, side: int, sign: float) -> None:
    """White, iris and glint between two lids, the upper one dark, the lower one faint."""
    x, y = sign * who.eye_distance, EYES_Y
    lid, under = _lids(who, face, side, sign)
    window = np.concatenate([lid, under])
    canvas.fill(window, min(245.0, 0.45 * who.skin + 140))
    canvas.fill_within(window, oval(x, y - 0.1, 1.5, 1.55), who.iris_tone)
    canvas.fill_within(window, oval(x - 0.5, y - 0.6, 0.35, 0.35), 235.0)
    canvas.stroke(lid, 0.22 * who.skin, 0.6)
    canvas.stroke(under, 0.62 * who.skin, 0.35)


def _lids(who: Person, face: Features, side: int, sign: float) -> tuple[Points, Points]:
    """The upper lid from the inner corner to the outer one, and the lower lid back."""
    x, inwards, slant = sign * who.eye_distance, -sign * who.eye_half_width, face.upper.lid_slant
    upper = max(0.25, who.eye_open + float(face.upper.lid_upper[side]))
    lower = max(0.2, 0.85 * who.eye_open - float(face.upper.lid_lower[side]))
    inner = (x + inwards, EYES_Y + 0.3 - 0.4 * slant[side])
    outer = (x - inwards, EYES_Y + 0.1 + 0.5 * slant[side])
    lid = curve(
        inner,
        (x + 0.5 * inwards, EYES_Y - 0.8 * upper - 0.6 * slant[side]),
        (x - 0.3 * inwards, EYES_Y - upper),
        outer,
    )
    return lid, curve(outer, (x, EYES_Y + lower), inner)


def _nose(canvas: Canvas, who: Person, face: Features) -> None:
    """Nostrils, wings and tip: the higher they stand, the more a turn moves them."""
    w, y = who.nose_width, nose_y(who, face)
    out = w * (1 + 0.1 * face.creases.nose)
    for _, sign in SIDES:
        canvas.fill(oval(sign * 0.5 * w, y, 0.28 * w, 0.55), 0.35 * who.skin, 0.6 * NOSE_DEPTH)
        wing = curve((sign * w * 0.8, y - 2.2), (sign * out, y - 0.8), (sign * w * 0.8, y + 0.3))
        canvas.stroke(wing, 0.62 * who.skin, 0.5, 0.5 * NOSE_DEPTH)
    tip = curve((-0.5, y + 0.5), (0.0, y + 0.7), (0.5, y + 0.5))
    canvas.stroke(tip, 0.6 * who.skin, 0.4, 0.7 * NOSE_DEPTH)
