"""What frames the features: neck, ears, hair, beard, glasses."""

import numpy as np

from clfer.datasets.demo.anatomy import Features
from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Canvas, curve, oval
from clfer.datasets.demo.places import EYES_Y, MOUTH_Y, SIDES, outline

# Where hair meets the forehead, left to right: x in half widths of the head, y in px.
HAIRLINES = {
    "short": ((-0.88, -14.5), (-0.4, -16.8), (0.4, -16.8), (0.88, -14.5)),
    "long": ((-0.86, -8.0), (-0.45, -15.5), (0.1, -17.5), (0.86, -8.0)),
    "fringe": ((-0.9, -12.0), (-0.3, -13.0), (0.3, -12.6), (0.9, -12.0)),
    "parted": ((-0.9, -10.5), (-0.5, -17.0), (-0.35, -18.5), (0.85, -12.0)),
    "curly": ((-0.95, -10.0), (-0.5, -15.0), (0.5, -15.0), (0.95, -10.0)),
    "receding": ((-0.95, -11.0), (-0.7, -18.5), (0.7, -18.5), (0.95, -11.0)),
}


def behind(canvas: Canvas, who: Person) -> None:
    """The hair at the sides, neck, shoulders, ears."""
    w = who.half_width
    if who.hair in HAIRLINES:
        canvas.fill(oval(0.0, -12.0, w + 0.8, 6.0, 0.5), who.hair_tone)
    if who.hair == "long":
        canvas.fill(oval(0.0, 2.0, w + 4, 26.0, 0.4), who.hair_tone)
    canvas.fill(oval(0.0, 20.0, 0.62 * w, 10.0, 0.9), 0.72 * who.skin)
    canvas.fill(oval(0.0, who.chin + 15, 24.0, 9.0, 0.3), 0.55 * who.hair_tone + 50)
    if who.hair not in ("long", "curly"):
        for _, sign in SIDES:
            canvas.fill(oval(sign * (w + 0.4), -1.0, 1.9, 4.2), 0.85 * who.skin)


def hair(canvas: Canvas, who: Person) -> None:
    """What grows in front of the forehead; bald heads keep their skin."""
    if who.hair not in HAIRLINES:
        return
    w, top, tone = who.half_width + 0.8, -who.skull - 1.5, who.hair_tone
    right = [(w, -7.0), (w + 0.6, -14.0), (0.8 * w, top + 2), (0.0, top - 3)]
    left = [(-x, y) for x, y in right[-2::-1]]
    canvas.fill(np.array([*right, *left, *((w * x, y) for x, y in HAIRLINES[who.hair])]), tone)
    if who.hair == "curly":
        for angle in np.linspace(-0.1 * np.pi, 1.1 * np.pi, 9):
            curl = oval((w + 1) * float(np.cos(angle)), -8 - 14 * float(np.sin(angle)), 4.2, 4.2)
            canvas.fill(curl, tone)


def beard(canvas: Canvas, who: Person, face: Features) -> None:
    """A full beard on the jaw, a moustache on the upper lip."""
    tone, w = 0.65 * who.brow_tone + 0.3 * who.skin, who.half_width
    if who.beard:
        jaw = outline(who, face)
        cheeks = curve((-0.82 * w, 8.0), (-6.5, 8.8), (0.0, 7.2), (6.5, 8.8), (0.82 * w, 8.0))
        canvas.fill(np.concatenate([jaw[jaw[:, 1] > 3], cheeks]), tone)
    if who.moustache:
        y = MOUTH_Y - face.mouth.lip_up - face.mouth.part_up - who.lip
        above = ((-2.5, y - 2.4), (0.0, y - 1.8), (2.5, y - 2.4))
        canvas.fill(curve((-5.5, y + 1.2), *above, (5.5, y + 1.2)), tone)


def glasses(canvas: Canvas, who: Person) -> None:
    """Rims, bridge and the ear pieces as far as they show."""
    x, y, tone, width = who.eye_distance, EYES_Y + 0.4, 30.0, 0.6
    for _, sign in SIDES:
        rim = oval(sign * (x + 0.2), y, 5.2, 4.4, 0.35)
        canvas.stroke(np.concatenate([rim, rim[:1]]), tone, width)
        piece = curve((sign * (x + 5.2), y - 1), (sign * who.half_width, y - 1.5))
        canvas.stroke(piece, tone, width)
    canvas.stroke(curve((5 - x, y - 0.6), (x - 5, y - 0.6)), tone, width)
