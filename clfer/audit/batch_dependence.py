"""Whether a model's answers depend on the other images of their batch.

An honest model gives an image the same answer alone and in any batch. A head that adds its
batch's mean, or batch normalisation left in training mode, does not: its accuracy then depends on
the order of the test images, most of all where they are sorted by class.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from clfer.progress import Track, silent
from clfer.scoring.transduction import ordered

ORDERS = ("shuffled", "sorted")
BATCH = 64
LIMIT = 1e-3  # by which a probability may differ for rounding alone

Classifier = Callable[[UInt8[np.ndarray, "B S S C"]], Float[np.ndarray, "B K"]]


class InOrder(NamedTuple):
    """The answers in one order beside those of every image alone.

    accuracy, alone: fractions; changed: images with another label; difference: the largest of any
    probability.
    """

    order: str
    accuracy: float
    alone: float
    changed: int
    difference: float

    @property
    def depends(self) -> bool:
        """Whether the answers depend on the batch, beyond rounding; True where there is a NaN."""
        return not self.difference <= LIMIT


def dependence(
    classify: Classifier,
    faces: UInt8[np.ndarray, "N S S C"],
    label: Int[np.ndarray, " N"],
    batch: int = BATCH,
    seed: int = 0,
    track: Track = silent,
) -> list[InOrder]:
    """What `classify` answers to N faces alone, shuffled, and sorted by class, in batches."""
    generator = np.random.default_rng(seed)
    alone = _answers(classify, faces, np.arange(len(faces)), 1, track)
    results = []
    for name in ORDERS:
        together = _answers(classify, faces, ordered(name, label, generator), batch, track)
        predicted, by_itself = together.argmax(axis=1), alone.argmax(axis=1)
        results.append(
            InOrder(
                order=name,
                accuracy=float((predicted == label).mean()),
                alone=float((by_itself == label).mean()),
                changed=int((predicted != by_itself).sum()),
                difference=float(np.abs(together - alone).max()),
            )
        )
    return results


def _answers(
    classify: Classifier,
    faces: UInt8[np.ndarray, "N S S C"],
    order: Int[np.ndarray, " N"],
    batch: int,
    track: Track,
) -> Float[np.ndarray, "N K"]:
    """Probabilities in the order of `faces`, asked for in `order`."""
    starts = track(range(0, len(order), batch), f"in batches of {batch}")
    asked = [classify(np.ascontiguousarray(faces[order[i : i + batch]])) for i in starts]
    answered = np.empty((len(order), asked[0].shape[1]))
    answered[order] = np.concatenate(asked)
    return answered
