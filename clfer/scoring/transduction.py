"""Transduction: the accuracy of a head that adds its batch's mean to every image, in any order.

The released CL+MSR head answers W (a_i + g) + b, with g the mean of the vectors a of the current
batch, in evaluation too. Its logits are those of image i plus the mean logits of the batch, so from
the probabilities p of any model:

    argmax_c  log p_ic + mean_{j in batch} log p_jc - prior_c

prior_c is the mean of log p_c over the validation images: what the head's bias learns to take away.

Notation: N test images, M answers, C classes.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Int

ORDERS = ("shuffled", "file", "sorted", "reversed", "alone")
# Half of the least number above zero of float16, in which older cells keep probabilities.
LEAST = 2.0**-25


def log_of(probability: Float[np.ndarray, "N C"]) -> Float[np.ndarray, "N C"]:
    """Logarithms in float64; a probability that was rounded to zero counts as `LEAST`."""
    return np.log(np.maximum(probability.astype(np.float64), LEAST))


def answers(
    log_probability: Float[np.ndarray, "N C"],
    prior: Float[np.ndarray, " C"],
    order: Int[np.ndarray, " M"],
    batch: int,
) -> Int[np.ndarray, " M"]:
    """The classes answered to the images of `order`, in batches of `batch`; the last one may be
    smaller and is kept.
    """
    rows = log_probability[order]
    starts = np.arange(0, len(rows), batch)
    sizes = np.diff(starts, append=len(rows))
    mean = np.add.reduceat(rows, starts, axis=0) / sizes[:, None]  # [batches, C]
    answered: Int[np.ndarray, " M"] = (rows + np.repeat(mean, sizes, axis=0) - prior).argmax(axis=1)
    return answered


def ordered(
    name: str, label: Int[np.ndarray, " N"], generator: np.random.Generator
) -> Int[np.ndarray, " N"]:
    """The images in one of `ORDERS`; `sorted` is by class, then by row."""
    rows = np.arange(len(label))
    match name:
        case "shuffled":
            return generator.permutation(rows)
        case "sorted":
            by_class: Int[np.ndarray, " N"] = np.argsort(label, kind="stable")
            return by_class
        case "reversed":
            return rows[::-1]
        case "file" | "alone":
            return rows
    raise ValueError(f"expected one of {', '.join(ORDERS)}; found {name!r}")


def following(
    label: Int[np.ndarray, " N"],
    classes: Int[np.ndarray, " M"],
    generator: np.random.Generator,
) -> Int[np.ndarray, " M"]:
    """Images drawn, with replacement, so that their labels are `classes`, the label sequence of
    another test list. Raises ValueError where a class of it has no image.
    """
    drawn = np.empty(len(classes), np.int64)
    for one in np.unique(classes):
        images, places = np.flatnonzero(label == one), np.flatnonzero(classes == one)
        if not len(images):
            raise ValueError(f"expected an image of class {one}, found none")
        drawn[places] = generator.choice(images, len(places))
    return drawn


def accuracies(
    probability: Mapping[str, Float[np.ndarray, "K C"]],
    label: Int[np.ndarray, " N"],
    orders: Mapping[str, Int[np.ndarray, " D M"]],
    batches: tuple[int, ...],
) -> dict[str, dict[int, float]]:
    """Accuracy by order and batch size, the mean over the D draws of an order; `alone` has batch 1.

    probability: of `val` and `test`, [K, C] each. orders: by name, D sequences of test images.
    """
    test, prior = log_of(probability["test"]), log_of(probability["val"]).mean(axis=0)
    return {
        name: {
            batch: float(np.mean([answers(test, prior, one, batch) == label[one] for one in draws]))
            for batch in ((1,) if name == "alone" else batches)
        }
        for name, draws in orders.items()
    }
