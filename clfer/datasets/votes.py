"""The rules that turn FER+'s ten votes an image into a label and a soft target.

N images, `votes` uint8 [N, 10] in the order of `expressions.FERPLUS_VOTES`. A rule returns the
weights uint8 [N, 10] that it leaves of the votes; `with_labels` reads label and target off them. An
image is dropped where no weight is left or the heaviest (the first, among equals) is no emotion.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from jaxtyping import Bool, Int64, UInt8

from clfer.datasets import expressions

EMOTIONS = len(expressions.FERPLUS)

Weights = UInt8[np.ndarray, "N 10"]
Rule = Callable[[Weights], Weights]


def without_outliers(votes: Weights) -> Weights:
    """The votes, except that a class with a single vote has none (Microsoft's outlier removal)."""
    return np.where(votes > 1, votes, 0).astype(np.uint8)


def majority(votes: Weights) -> Weights:
    """The votes without outliers where one class holds more than half of them, else zeros.

    Microsoft's `majority` mode, ties included: two equal winners cannot both hold more than half.
    """
    kept = without_outliers(votes)
    won = 2 * kept.max(axis=1).astype(int) > kept.sum(axis=1)
    kept[~won] = 0
    return kept


def several(votes: Weights) -> Weights:
    """The strongest classes without outliers, until they hold three quarters of the votes: at most
    three, and more than half of the votes, else zeros.

    Microsoft's `probability` and `crossentropy` modes, which keep the same and differ in what they
    train on. Equal classes come together, so that a fourth can come with a third, which drops the
    image. Where unknown or NF is among the strongest the choice ends before it, and at it where it
    comes first (of equals, the emotions do).
    """
    left = without_outliers(votes)
    total = left.sum(axis=1, dtype=int)
    chosen, open_ = np.zeros_like(left), np.ones(len(left), bool)
    while open_.any():
        best = (left == left.max(axis=1, keepdims=True)) & open_[:, None]
        nothing_yet = ~chosen.any(axis=1) & ~best[:, :EMOTIONS].any(axis=1)
        no_emotion = best[:, EMOTIONS:].any(axis=1)
        best[:, EMOTIONS:] &= nothing_yet[:, None]
        chosen[best], left[best] = left[best], 0
        unfinished = 4 * chosen.sum(axis=1, dtype=int) < 3 * total
        open_ &= ~no_emotion & unfinished & ((chosen > 0).sum(axis=1) < 3)
    dropped = (2 * chosen.sum(axis=1, dtype=int) <= total) | ((chosen > 0).sum(axis=1) > 3)
    chosen[dropped] = 0
    return chosen


def multi_target(votes: Weights) -> Weights:
    """The classes that hold at least three tenths of the votes without outliers, if together they
    hold more than half, else zeros. Microsoft's `multi_target` mode.
    """
    kept = without_outliers(votes)
    total = kept.sum(axis=1, keepdims=True, dtype=int)
    kept = np.where(10 * kept.astype(int) >= 3 * total, kept, 0).astype(np.uint8)
    kept[2 * kept.sum(axis=1, dtype=int) <= total[:, 0]] = 0
    return kept


def argmax8(votes: Weights) -> Weights:
    """The votes for the emotions alone, ties to the first; no image is dropped.

    An image for which nobody named an emotion (two in FER+, all ten votes "not a face") weighs all
    emotions alike: its label is the first, neutral, as argmax over its votes has it, and its target
    says that nothing is known. Without these two the count of 28,558 would not come out.
    """
    weights = votes.copy()
    weights[:, EMOTIONS:] = 0
    weights[~weights.any(axis=1), :EMOTIONS] = 1
    return weights


def argmax10(votes: Weights) -> Weights:
    """The votes as they are: dropped is where unknown or NF leads; ties to the first."""
    return votes


RULES: dict[str, Rule] = {
    "majority": majority,
    "probability": several,
    "crossentropy": several,
    "multi_target": multi_target,
    "argmax8": argmax8,
    "argmax10": argmax10,
}


def with_labels(table: pl.DataFrame, mode: str, classes: tuple[str, ...]) -> pl.DataFrame:
    """The table with `label` (String) and `target` (Array(Float32, C)), both null where dropped.

    table: `name` (String or null) and `votes` (Array(UInt8, 10) or null); a row that lacks either
    stands for no image and is dropped in every mode. mode: a key of RULES. classes: the first C of
    `expressions.FERPLUS`; an image of another one is dropped. A target is the share of each class
    in what the rule leaves of theirs; it sums to 1.
    """
    is_image = (table["votes"].is_not_null() & table["name"].is_not_null()).to_numpy()
    weights = np.zeros((len(table), len(expressions.FERPLUS_VOTES)), np.uint8)
    if is_image.any():
        weights[is_image] = RULES[mode](table["votes"].filter(is_image).to_numpy())
    winner = weights.argmax(axis=1)
    kept = weights.any(axis=1) & (winner < len(classes))
    return table.with_columns(_labels(winner, kept), _targets(weights[:, : len(classes)], kept))


def _labels(winner: Int64[np.ndarray, "N"], kept: Bool[np.ndarray, "N"]) -> pl.Series:
    pairs = zip(winner, kept, strict=True)
    names = [expressions.FERPLUS_VOTES[best] if keep else None for best, keep in pairs]
    return pl.Series("label", names, pl.String)


def _targets(weights: UInt8[np.ndarray, "N C"], kept: Bool[np.ndarray, "N"]) -> pl.Series:
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    kind = pl.Array(pl.Float32, weights.shape[1])
    targets = pl.Series("target", shares.astype(np.float32), kind)
    return pl.select(pl.when(pl.Series(kept)).then(targets).alias("target"))["target"]
