"""Ten simulated raters of a drawn face, voting over FER+'s ten columns."""

import math

import numpy as np
from jaxtyping import Float, UInt8

from clfer.datasets.expressions import FERPLUS_VOTES, NOT_A_FACE, UNKNOWN

RATERS = 10
LEANING = 8.0  # the greater, the less panels differ
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

Votes = UInt8[np.ndarray, "10"]


def votes(rng: np.random.Generator, expression: str, strength: float, hidden: float) -> Votes:
    """How many of the raters chose each of FERPLUS_VOTES.

    A panel leans one way or another as a whole (a Dirichlet distribution around the chances), so
    that two panels may read the same face differently, as they do in FER+.
    """
    # a Dirichlet distribution knows no zero
    leaning = rng.dirichlet(LEANING * chances(expression, strength, hidden) + 1e-3)
    return rng.multinomial(RATERS, leaning).astype(np.uint8)


def not_a_face() -> Votes:
    """All raters agree where there is no face."""
    return np.array([RATERS * (column == NOT_A_FACE) for column in FERPLUS_VOTES], np.uint8)


def chances(expression: str, strength: float, hidden: float) -> Float[np.ndarray, "10"]:
    """Each column's probability: the truth's grows from 0.2 to 0.95 with what can be seen of it.

    The fainter an expression, the more of the rest goes to neutral; the more of the face is hidden,
    the more to unknown. A neutral face has no strength: it is as clear as what shows of it.
    """
    clear = (1 - hidden) * (1.0 if expression == "neutral" else strength)
    wrong = 0.8 - 0.75 * clear
    to = {"neutral": 0.6 * (1 - clear), UNKNOWN: 0.08 + 0.3 * hidden, NOT_A_FACE: 0.05 * hidden}
    mistaken, weight = 1 - math.fsum(to.values()), math.fsum(MISTAKEN[expression].values())
    chance = {column: wrong * to.get(column, 0.0) for column in FERPLUS_VOTES}
    for column, part in MISTAKEN[expression].items():
        chance[column] += wrong * mistaken * part / weight
    chance[expression] += 1 - wrong
    return np.array(list(chance.values()))
