"""The rows of the drawn dataset: the face each one shows, its expression, and how it was rated."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from clfer.datasets.demo import drawing, raters

# Shares of the drawn expressions: unbalanced as in real data, none rare. What is left has no face.
SHARES = {
    "neutral": 0.185,
    "happiness": 0.18,
    "surprise": 0.125,
    "sadness": 0.115,
    "anger": 0.11,
    "disgust": 0.09,
    "fear": 0.09,
    "contempt": 0.09,
}
FROM_VAL = 0.2  # the part of the test split's copies that show a val image
GOLDEN = (5**0.5 - 1) / 2
# Every draw has a stream of its own, so that no row depends on another or on how many there are.
DRAWING, RATING, COPYING, ORDER = range(4)


@dataclass(frozen=True)
class Row:
    """One image. `expression` is what was drawn; it and `landmarks` are None without a face."""

    expression: str | None
    image: UInt8[np.ndarray, "48 48"]
    landmarks: Float[np.ndarray, "5 2"] | None  # px, in drawing.Drawing's order
    votes: UInt8[np.ndarray, "10"]


def row(seed: int, number: int, face: int) -> Row:
    """Row `number`, showing face `face`: the same pixels in every row that shows it, rated anew."""
    rng, rater = stream(seed, DRAWING, face), stream(seed, RATING, number)
    expression = expression_of(seed, face)
    if expression is None:
        return Row(None, drawing.nothing(rng), None, raters.not_a_face())
    strength = 0.0 if expression == "neutral" else 0.25 + 0.75 * rng.beta(2.2, 1.3)
    drawn = drawing.face(rng, expression, strength)
    votes = raters.votes(rater, expression, drawn.strength, drawn.hidden)
    return Row(expression, drawn.image, drawn.landmarks, votes)


def expression_of(seed: int, face: int) -> str | None:
    """The expression of face `face`; None: no face at all.

    The multiples of the golden ratio fall evenly over [0, 1) however few of them are taken, so that
    every split gets its share of every expression without anybody counting.
    """
    position = (stream(seed, ORDER).random() + face * GOLDEN) % 1
    index = int(np.searchsorted(np.cumsum(list(SHARES.values())), position, side="right"))
    return [*SHARES, None][index]


def faces_shown(sizes: Sequence[int], duplicates: float, seed: int) -> Int[np.ndarray, "n"]:
    """The face that each row shows: its own number or, for a copy, that of an earlier split's row.

    sizes: images in train, val and test, in row order. Of val and test a part `duplicates` each are
    copies: val's of train images, test's of train and val images.
    """
    rng = stream(seed, COPYING)
    shown = np.arange(sum(sizes), dtype=np.int64)
    train, val, test = np.split(shown.copy(), np.cumsum(sizes)[:-1])
    in_val = rng.choice(val, round(duplicates * len(val)), replace=False)
    in_test = rng.choice(test, round(duplicates * len(test)), replace=False)
    of_val, of_train = np.split(in_test, [round(FROM_VAL * len(in_test))])
    shown[in_val] = rng.choice(train, len(in_val))
    shown[of_train] = rng.choice(train, len(of_train))
    shown[of_val] = rng.choice(np.setdiff1d(val, in_val), len(of_val))
    return shown


def stream(seed: int, purpose: int, *index: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose, *index])
