"""Folds of the skin, hard and soft: they tell an expression as much as the features do."""

from collections.abc import Iterator

from clfer.datasets.demo.anatomy import Features
from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Canvas, Points, curve, oval
from clfer.datasets.demo.places import EYES_Y, MOUTH_Y, SIDES, mouth_corners

Crease = tuple[Points, float, float]  # a line, its darkness 0..1, its width in px
FAINT = 0.08  # not worth a line


def creases(canvas: Canvas, who: Person, face: Features) -> None:
    """Hard lines: those of the expression, and the person's own."""
    lines = list(_across(who, face))
    for side, sign in SIDES:
        lines += _beside_eye(who, face, side, sign)
        lines += _beside_mouth(who, face, side, sign)
        lines += _between_brows(face, sign)
    for line, darkness, width in lines:
        if darkness > FAINT:
            canvas.stroke(line, who.skin * (1 - 0.55 * min(1.0, darkness)), width)


def shadows(canvas: Canvas, who: Person, face: Features) -> None:
    """Soft shade, 0 none .. 255, to be blurred: sockets, nose, cheeks, under nose and lip."""
    for side, sign in SIDES:
        canvas.fill(oval(sign * (who.eye_distance - 1), EYES_Y - 2.2, 4.2, 2.6), 70.0)
        canvas.fill(oval(sign * 2.2, -1.5, 0.9, 5.0), 55.0)
        lifted = float(max(face.creases.fold[side], face.creases.crow[side]))
        canvas.fill(oval(sign * (who.eye_distance + 2), 6.5 - lifted, 3.2, 0.9), 40 + 60 * lifted)
        canvas.fill(oval(sign * (who.half_width - 1), 8.0, 2.2, 9.0), 60.0)
    canvas.fill(oval(0.0, who.nose_length + 1.8, who.nose_width, 0.9), 70.0)
    canvas.fill(oval(0.0, MOUTH_Y + 4.2 + face.mouth.part_down, 3.6, 0.9), 80.0)


def _age(who: Person) -> float:
    return 0.45 * who.lined


def _across(who: Person, face: Features) -> Iterator[Crease]:
    for y in (-13.2, -15.2):
        line = curve((-7.0, y + 0.4), (0.0, y - 0.4), (7.0, y + 0.4))
        yield line, max(_age(who), 0.8 * face.creases.forehead), 0.45


def _between_brows(face: Features, sign: float) -> Iterator[Crease]:
    yield curve((sign * 1.1, -6.5), (sign * 1.4, -10.5)), face.creases.frown, 0.6
    for y in (-5.2, -3.6, -2.0):
        yield curve((sign * 0.3, y), (sign * 2.2, y - 1.1)), face.creases.nose, 0.55


def _beside_eye(who: Person, face: Features, side: int, sign: float) -> Iterator[Crease]:
    """Crow's feet, and the pouch below the lower lid."""
    x, crow = who.eye_distance + who.eye_half_width, float(face.creases.crow[side])
    for dy in (-1.6, 0.2, 2.0):
        foot = curve((sign * (x + 0.6), EYES_Y + 0.4 * dy), (sign * (x + 2.9), EYES_Y + dy))
        yield foot, crow, 0.4
    y = EYES_Y + 3.0
    pouch = curve((sign * (x - 6), y), (sign * (x - 3), y + 0.6), (sign * x, y - 0.4))
    yield pouch, max(_age(who), 0.7 * crow), 0.45


def _beside_mouth(who: Person, face: Features, side: int, sign: float) -> Iterator[Crease]:
    """From the nose's wing to the mouth's corner, the dimple's bracket, and the line below."""
    corner = mouth_corners(who, face)[side]

    def near(*offsets: tuple[float, float]) -> list[tuple[float, float]]:
        """Offsets from the corner, outwards and down, as points."""
        return [(float(corner[0] + sign * x), float(corner[1] + y)) for x, y in offsets]

    wing = (sign * who.nose_width, who.nose_length - 2.0)
    fold = curve(wing, *near((0.3, -3.6), (1.4, 0.0)))
    yield fold, max(_age(who), float(face.creases.fold[side])), 0.65
    bracket = curve(*near((0.9, -1.9), (1.7, -0.2), (0.9, 1.5)))
    yield bracket, float(face.creases.dimple[side]), 0.8
    below = curve(*near((0.4, 0.5), (1.2, 2.0), (1.1, 3.6)))
    yield below, float(face.creases.below_corner[side]), 0.6
