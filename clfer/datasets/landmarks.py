"""The five points of a face, left to right as seen, from what datasets give."""

import math
from collections.abc import Sequence

Point = tuple[float, float]

# Of the 68 points of 300-W: the rings of the eyes, the tip of the nose, the mouth's corners.
POINTS = 68
EYES = (range(36, 42), range(42, 48))
NOSE = 30
CORNERS = (48, 54)
FARTHEST = 1e6  # pixels; beyond the side of any picture


def is_place(number: float) -> bool:
    """Whether a coordinate can be one of a picture: neither none, nor endless, nor beyond all."""
    return math.isfinite(number) and abs(number) <= FARTHEST


def ordered(eyes: Sequence[Point], nose: Point, corners: Sequence[Point]) -> list[float]:
    """x, y of the eyes, the nose and the mouth's corners, left before right in the upright face.

    Whatever the order given, and however the face is turned in its picture: from the eyes to the
    mouth is down.
    """
    down = [_middle(corners)[axis] - _middle(eyes)[axis] for axis in (0, 1)]

    def across(pair: Sequence[Point]) -> list[float]:
        (ax, ay), (bx, by) = pair
        forward = (bx - ax) * down[1] - (by - ay) * down[0] >= 0
        return [ax, ay, bx, by] if forward else [bx, by, ax, ay]

    return [*across(eyes), *nose, *across(corners)]


def five(points: Sequence[Point]) -> list[float]:
    """`ordered`, from POINTS points in 300-W's order. An eye is the mean of its ring."""
    eyes = [_middle([points[i] for i in ring]) for ring in EYES]
    return ordered(eyes, points[NOSE], [points[i] for i in CORNERS])


def _middle(points: Sequence[Point]) -> Point:
    return (
        sum(x for x, _ in points) / len(points),
        sum(y for _, y in points) / len(points),
    )
