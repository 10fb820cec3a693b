"""What covers a part of a demo face."""

import numpy as np
from jaxtyping import Float

from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Points, Pose, black, curve, oval
from clfer.datasets.demo.places import EYES_Y, MOUTH_Y, SIDES

Grey = Float[np.ndarray, "48 48"]
Shape = tuple[Points, float]  # an outline and its tone


def cover(rng: np.random.Generator, grey: Grey, pose: Pose, who: Person, kind: str) -> Grey:
    """The image with an occluder of `kind` (appearance.OCCLUDERS) laid over it."""
    drawn_by = {"hand": _hand, "scarf": _scarf, "sunglasses": _sunglasses, "block": _block}
    paint, mask = black(pose), black(pose)
    for outline, tone in drawn_by[kind](rng, who):
        paint.fill(outline, tone)
        mask.fill(outline, 255.0)
    # the paint's edge pixels are already weighted by their coverage
    return np.asarray(grey * (1 - mask.image() / 255) + paint.image())


def _hand(rng: np.random.Generator, who: Person) -> list[Shape]:
    """Palm and four fingers over one cheek and a part of the mouth."""
    sign, y = rng.choice([-1.0, 1.0]), rng.uniform(6, 11)
    palm = (oval(sign * 14, y + 5, 7.0, 8.0, 0.4), 0.82 * who.skin)
    fingers: list[Shape] = []
    for finger in range(4):
        root, tip = y + 1 + 2.6 * finger, y - 4 + 2.2 * finger
        middle, end = 0.5 * (root + tip) - 0.5, sign * (4 + abs(finger - 1.3))
        line = curve((sign * 13, root), (sign * 9, middle), (end, tip))
        outline = np.concatenate([np.subtract(line, (0.0, 1.1)), np.add(line, (0.0, 1.1))[::-1]])
        fingers.append((outline, (0.95 - 0.07 * finger) * who.skin))
    return [palm, *fingers]


def _scarf(rng: np.random.Generator, who: Person) -> list[Shape]:
    """A cloth from below the nose to the neck, with a few folds."""
    tone, edge, w = rng.uniform(30, 220), MOUTH_Y - rng.uniform(0.5, 3.5), who.half_width + 2
    cloth = np.array([(-w, edge - 2), (0, edge), (w, edge - 2), (w, 34), (-w, 34)])
    folds = [oval(0.0, edge + 4 + 4 * fold, w * 0.8, 0.5) for fold in range(3)]
    return [(cloth, tone), *((fold, 0.75 * tone) for fold in folds)]


def _sunglasses(rng: np.random.Generator, who: Person) -> list[Shape]:
    tone, x, y = rng.uniform(10, 45), who.eye_distance, EYES_Y + 0.3
    glasses: list[Shape] = [(oval(sign * (x + 0.2), y, 5.3, 3.6, 0.4), tone) for _, sign in SIDES]
    bridge = np.array([(-x + 4, y - 1.8), (x - 4, y - 1.8), (x - 4, y - 0.6), (-x + 4, y - 0.6)])
    return [*glasses, (bridge, tone)]


def _block(rng: np.random.Generator, who: Person) -> list[Shape]:
    """A straight edge of something in front: a phone, a cup, a microphone."""
    x, y = rng.uniform(-11, 11), rng.uniform(-9, 14)
    half_width, half_height = rng.uniform(3, 5.5), rng.uniform(3, 5.5)
    return [(oval(x, y, half_width, half_height, 0.9), rng.uniform(15, 240))]
