"""Who a demo image shows, and how ten simulated raters judge it.

Everything is drawn from a numpy Generator. Lengths are px of the 48 x 48 image, tones 0..255.
"""

import math

import numpy as np
from jaxtyping import Float, UInt8

from clfer.datasets.expressions import FERPLUS_VOTES, NOT_A_FACE, UNKNOWN

# The facial action units of each expression, after EMFACS (Friesen & Ekman), with narrowed eyes (7)
# for contempt, whose smile is on one side only. `action_units` adds what comes and goes.
EMFACS: dict[str, tuple[int, ...]] = {
    "neutral": (),
    "happiness": (6, 12),
    "surprise": (1, 2, 5, 26),
    "sadness": (1, 4, 15),
    "anger": (4, 5, 7, 23),
    "disgust": (9, 10, 16),
    "fear": (1, 2, 4, 5, 20, 25),
    "contempt": (7, 12, 14),
}
UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 20, 23, 25, 26)

# How much of what raters look at each occluder hides.
HIDDEN = {"scarf": 0.45, "sunglasses": 0.4}

RATERS = 10
CONCENTRATION = 8.0  # of the raters' Dirichlet distribution: the greater, the less panels differ
# What a rater takes each expression for when mistaken, as relative weights.
MISTAKEN: dict[str, dict[str, int]] = {
    "neutral": {"sadness": 4, "happiness": 2, "anger": 2, "contempt": 2, "surprise": 1},
    "happiness": {"neutral": 4, "contempt": 2, "surprise": 2},
    "surprise": {"fear": 6, "neutral": 2, "happiness": 1},
    "sadness": {"neutral": 5, "fear": 2, "disgust": 2, "anger": 1},
    "anger": {"disgust": 5, "neutral": 3, "sadness": 1, "contempt": 1},
    "disgust": {"anger": 6, "sadness": 2, "contempt": 1},
    "fear": {"surprise": 6, "sadness": 2, "neutral": 1},
    "contempt": {"neutral": 5, "happiness": 5, "anger": 1, "disgust": 1},
}

Units = dict[int, float]  # action unit -> 0 at rest .. 1 in full
Votes = UInt8[np.ndarray, "10"]


class Person:
    """An identity: anybody, every trait drawn on its own."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.skin = rng.uniform(90, 215)
        self.hair_tone = float(rng.choice([20, 45, 90, 160, 215])) + rng.uniform(-12, 12)
        self.hair = rng.choice(["short", "short", "long", "bald"])
        self.hairline = rng.uniform(13, 18)  # height above the point between eyes and mouth
        self.half_width = rng.uniform(13.3, 16.3)  # of the head
        self.skull = rng.uniform(20.5, 24)  # height above that point
        self.chin = rng.uniform(17.3, 19.8)  # depth below it
        self.eye_distance = rng.uniform(6, 7.4)  # of each eye from the midline
        self.eye_half_width = rng.uniform(2.9, 3.6)
        self.eye_open = rng.uniform(1.35, 1.9)
        self.iris_tone = rng.uniform(15, 75)
        self.brow_thickness = rng.uniform(1, 1.9)
        self.brow_raised = rng.normal(0, 0.5)  # at rest
        self.nose_half_width = rng.uniform(2.5, 3.7)
        self.nose_length = rng.uniform(4.2, 5.6)
        self.mouth_half_width = rng.uniform(4.8, 6.2)
        self.mouth_raised = rng.normal(0.3, 0.4)  # its corners at rest
        self.lip = rng.uniform(0.9, 1.7)
        self.glasses = rng.random() < 0.16
        # close to the hair's, but always darker than the skin
        self.brow_tone = min(0.55 * self.skin, 0.5 * self.hair_tone + 0.15 * self.skin)


class Scene:
    """How a person stands before the camera, and what the camera makes of it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rotation = math.radians(np.clip(rng.normal(0, 6), -15, 15))
        self.yaw = math.radians(np.clip(rng.normal(0, 10), -25, 25))
        self.scale = rng.uniform(0.95, 1.2)
        self.shift = rng.uniform(-2.5, 2.5, 2)
        self.light = rng.uniform(-0.35, 0.35, 2)  # towards where it comes from
        self.contrast = rng.uniform(0.75, 1.15)
        self.brightness = rng.normal(0, 14)
        self.blur = rng.uniform(0, 0.75)  # standard deviation
        self.noise = rng.uniform(1, 9)  # standard deviation
        self.occluder = str(rng.choice(list(HIDDEN))) if rng.random() < 0.16 else "nothing"


def action_units(rng: np.random.Generator, expression: str, strength: float) -> tuple[Units, Units]:
    """The action units of the image's left and right half of the face, at `strength` 0..1.

    The halves differ in contempt alone: a smile on one side, a raised brow (2) on the other. Two
    units act faintly in any expression; disgust and some smiles part the lips (25).
    """
    units = dict.fromkeys(UNITS, 0.0)
    for unit in EMFACS[expression]:
        units[unit] = strength * rng.uniform(0.85, 1.15)
    if expression in ("happiness", "disgust") and rng.random() < 0.8 * strength:
        units[25] = strength * rng.uniform(0.4, 0.9)
    for unit in rng.choice(UNITS, 2, replace=False).tolist():
        units[unit] += rng.uniform(0, 0.2)
    other = units | {2: strength, 12: 0.0, 14: 0.0} if expression == "contempt" else units
    return (units, other) if rng.random() < 0.5 else (other, units)


def votes(rng: np.random.Generator, expression: str, strength: float, hidden: float) -> Votes:
    """How many of the raters chose each of FERPLUS_VOTES.

    A panel leans one way or another as a whole (a Dirichlet distribution around the chances), so
    that two panels may judge the same face differently, as they do in FER+.
    """
    # a Dirichlet distribution takes no zero
    panel = rng.dirichlet(CONCENTRATION * chances(expression, strength, hidden) + 1e-3)
    return rng.multinomial(RATERS, panel).astype(np.uint8)


def chances(expression: str, strength: float, hidden: float) -> Float[np.ndarray, "10"]:
    """Each column's probability; the truth's grows from 0.2 to 0.95 with what can be seen of it.

    The fainter an expression, the more votes go to neutral; the more of the face is hidden, the
    more go to unknown. A neutral face has no strength: it is as clear as what shows of it.
    """
    clear = (1 - hidden) * (1.0 if expression == "neutral" else strength)
    share = {"neutral": 0.6 * (1 - clear), UNKNOWN: 0.08 + 0.3 * hidden, NOT_A_FACE: 0.05 * hidden}
    mistaken, weight = 1 - math.fsum(share.values()), sum(MISTAKEN[expression].values())
    for column, part in MISTAKEN[expression].items():
        share[column] = share.get(column, 0.0) + mistaken * part / weight
    wrong = (0.8 - 0.75 * clear) * np.array([share.get(column, 0.0) for column in FERPLUS_VOTES])
    right = (0.2 + 0.75 * clear) * (np.array(FERPLUS_VOTES) == expression)
    return np.asarray(right + wrong)
