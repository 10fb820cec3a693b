"""The mouth: lips around a line from corner to corner; where they part it is dark, with teeth."""

import numpy as np
from jaxtyping import Float

from clfer.datasets.demo.anatomy import Features
from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Canvas, Points
from clfer.datasets.demo.places import MOUTH_Y, mouth_corners

Heights = Float[np.ndarray, "25"]
# Along the mouth: -1 at its left corner, 1 at its right one.
T: Heights = np.linspace(-1, 1, 25)
ARCH: Heights = np.sqrt(1 - T**2)
CUPIDS_BOW: Heights = 1 - 0.35 * np.exp(-((T / 0.18) ** 2))
CLOSED = 0.6  # px: lips less apart than this touch


def mouth(canvas: Canvas, who: Person, face: Features) -> None:
    x, line = _line(who, face)
    shape = face.mouth
    bow = (1 - T**2) ** (1.0 - 0.45 * shape.roundness)
    top, bottom = line - shape.part_up * bow, line + shape.part_down * bow
    lip, tone = who.lip * shape.thickness, who.lip_tone * who.skin
    canvas.fill(_between(x, top - lip * ARCH * CUPIDS_BOW, top), 0.95 * tone)
    full = bottom + (1.25 * lip + shape.lower_lip_out) * ARCH
    canvas.fill(_between(x, bottom, full), min(230.0, 1.08 * tone))
    if shape.part_up + shape.part_down < CLOSED:
        canvas.stroke(np.stack([x, line], axis=1), 0.25 * who.skin, 0.65)
        return
    canvas.fill(_between(x, top, bottom), 25.0)
    _teeth(canvas, face, x, top, bottom)
    canvas.stroke(np.stack([x, top], axis=1), 0.3 * who.skin, 0.35)


def _line(who: Person, face: Features) -> tuple[Heights, Heights]:
    """x and y of the line on which closed lips meet.

    Its middle follows the lower corner, so that only a smile with both corners sags between them.
    """
    left, right = mouth_corners(who, face)
    shape = face.mouth
    middle = MOUTH_Y - shape.lip_up + 0.35 * float(shape.corner_up.min()) + 0.2 * shape.jaw
    corner = np.where(T < 0, left[1], right[1])
    return np.where(T < 0, -left[0], right[0]) * T, middle + (corner - middle) * np.abs(T) ** 1.7


def _teeth(canvas: Canvas, face: Features, x: Heights, top: Heights, bottom: Heights) -> None:
    inside = np.tile(np.abs(T) < 0.93, 2)
    gap = bottom - top
    upper = np.minimum(0.85 * gap, 2.4 * face.mouth.upper_teeth)
    lower = np.minimum(0.5 * gap, 1.7 * face.mouth.lower_teeth)
    canvas.fill(_between(x, top, top + upper)[inside], 232.0)
    canvas.fill(_between(x, bottom - lower, bottom)[inside], 215.0)


def _between(x: Heights, upper: Heights, lower: Heights) -> Points:
    """The closed outline between two lines over the same x."""
    edges = [np.stack([x, upper], axis=1), np.stack([x, lower], axis=1)[::-1]]
    return np.concatenate(edges)
