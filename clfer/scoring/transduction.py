"""Transduction: the accuracy of a head that adds its batch's mean to every image, in any order.

The released CL+MSR head answers W (a_i + g) + b, with g the mean of the vectors a of the current
batch, in evaluation too. Its logits are those of image i plus the mean logits of the batch, so from
the probabilities p of any model:

    argmax_c  log p_ic + mean_{j in batch} log p_jc - prior_c

prior_c is the mean of log p_c over the validation images: what the head's bias learns to take away.

A model that has such a head already (`released`) was asked in batches; half of a batch's mean log p
is what each of its images got from the others, and is taken off first. Honest is then the mean of
the validation images in the batch's place.

Notation: N test images, M answers, C classes.
"""

from collections.abc import Mapping
from typing import Any

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
    answered: Int[np.ndarray, " M"] = (rows + batch_means(rows, batch) - prior).argmax(axis=1)
    return answered


def batch_means(rows: Float[np.ndarray, "M C"], batch: int) -> Float[np.ndarray, "M C"]:
    """Beside each row the mean of its batch."""
    starts = np.arange(0, len(rows), batch)
    sizes = np.diff(starts, append=len(rows))
    mean = np.add.reduceat(rows, starts, axis=0) / sizes[:, None]  # [batches, C]
    return np.repeat(mean, sizes, axis=0)


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


def without_batch(
    log_probability: Float[np.ndarray, "N C"], batch: int
) -> Float[np.ndarray, "N C"]:
    """W a_i + b / 2, up to a constant for each image, of a head that answered in batches.

    Its logits are W (a_i + g) + b with g the mean of the batch's a, whose own mean is 2 W g + b.
    """
    return log_probability - batch_means(log_probability, batch) / 2


def honest_and_prior(
    probability: Mapping[str, Float[np.ndarray, "K C"]], asked_in: int | None
) -> tuple[Float[np.ndarray, "N C"], Float[np.ndarray, "N C"], Float[np.ndarray, " C"]]:
    """Scores of the test images by themselves, what `answers` takes, and its prior.

    probability: of `val` and `test`. asked_in: the batch size of a model whose head adds the
    batch's mean; None of any other.
    """
    val, test = (log_of(probability[part]) for part in ("val", "test"))
    if asked_in is None:
        return test, test, val.mean(axis=0)
    val, test = (without_batch(one, asked_in) for one in (val, test))
    return test + val.mean(axis=0), test, np.zeros(test.shape[1])


def accuracies(
    probability: Mapping[str, Float[np.ndarray, "K C"]],
    label: Int[np.ndarray, " N"],
    orders: Mapping[str, Int[np.ndarray, " D M"]],
    batches: tuple[int, ...],
    asked_in: int | None = None,
) -> dict[str, Any]:
    """`honest`, and by order and batch size, the mean accuracy over the D draws of an order.

    orders: by name, D sequences of test images; `alone` has batch 1, and one that draws its images
    has what they score by themselves as `honest`. Others as in `honest_and_prior`.
    """
    alone, test, prior = honest_and_prior(probability, asked_in)
    right = alone.argmax(axis=1) == label
    found: dict[str, Any] = {"honest": float(right.mean())}
    for name, draws in orders.items():
        sizes = (1,) if name == "alone" else batches
        drawn = {} if name in ORDERS else {"honest": float(right[draws].mean())}
        found[name] = drawn | {
            batch: float(np.mean([answers(test, prior, one, batch) == label[one] for one in draws]))
            for batch in sizes
        }
    return found
