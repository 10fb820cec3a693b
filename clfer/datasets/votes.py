"""FER+'s votes: its two label files, and the rules that make a label and a soft target of them.

N images, `votes` uint8 [N, 10] in the order of `expressions.FERPLUS_VOTES`. A rule returns the
weights uint8 [N, 10] that it leaves of the votes; `with_labels` reads label and target off them. An
image is dropped where no weight is left or the heaviest (the first, among equals) is no emotion.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.datasets.expressions import FERPLUS, FERPLUS_VOTES
from clfer.datasets.fer2013 import USAGE, cells, check
from clfer.datasets.labels import VOTES
from clfer.errors import InputError

EMOTIONS = len(FERPLUS)
HEADER = ["Usage", "Image name", *FERPLUS_VOTES]
RATERS = 10

Weights = UInt8[np.ndarray, "N 10"]
Rule = Callable[[Weights], Weights]


def read_votes(path: Path) -> pl.DataFrame:
    """fer2013new.csv: `row` (Int64, from 0, FER2013's own), `name` (String, null where empty),
    `usage` (String), `votes` (Array(UInt8, 10)).

    InputError where the header, a usage or a vote is wrong. Votes need not sum to RATERS: in one
    published row they sum to 9.
    """
    lines = _cells(path)
    if (header := [cell for row in lines[:1].rows() for cell in row]) != HEADER:
        raise InputError(
            f"{path}: expected the header {','.join(HEADER)}, found {','.join(header)[:120]!r}; "
            "fetch fer2013new.csv again"
        )
    lines = lines[1:]
    check(path, lines, "Usage", pl.col("Usage").is_in(USAGE), ", ".join(USAGE))
    return lines.select(
        row=pl.int_range(pl.len(), dtype=pl.Int64),
        name=pl.col("Image name").replace("", None),
        usage="Usage",
        votes=_votes(path, lines),
    )


def read_layout(path: Path) -> pl.DataFrame:
    """A label.csv of Microsoft's: `name` (String), `votes` (Array(UInt8, 10)).

    It has no header. Its columns are the image's name, the face's box, which is the whole picture
    throughout, and the votes.
    """
    lines = _cells(path).rename({"Usage": "name", "Image name": "box"})
    check(path, lines, "name", pl.col("name") != "", "an image name")
    return lines.select("name", votes=_votes(path, lines))


def _cells(path: Path) -> pl.DataFrame:
    """All lines, columns called as in HEADER."""
    schema = dict.fromkeys(HEADER, pl.String())
    return cells(path, path, f"{len(HEADER)} columns", has_header=False, schema=schema)


def _votes(path: Path, lines: pl.DataFrame) -> pl.Series:
    numbers = [str(number) for number in range(RATERS + 1)]
    for column in FERPLUS_VOTES:
        check(path, lines, column, pl.col(column).is_in(numbers), f"0 to {RATERS} votes")
    return lines.select(pl.concat_arr(pl.col(FERPLUS_VOTES).cast(pl.UInt8)).cast(VOTES)).to_series()


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


RULES: dict[str, Rule] = {
    "majority": majority,
    "probability": several,
    "crossentropy": several,
    "multi_target": multi_target,
    "argmax8": argmax8,
    "argmax10": lambda votes: votes,  # dropped is where unknown or NF leads; ties to the first
}


def with_labels(table: pl.DataFrame, mode: str, classes: tuple[str, ...]) -> pl.DataFrame:
    """The table with `label` (String) and `target` (Array(Float32, C)), both null where dropped.

    table: `name` (String or null) and `votes` (Array(UInt8, 10) or null); a row that lacks either
    stands for no image and is dropped in every mode. mode: a key of RULES. classes: the first C of
    `expressions.FERPLUS`; an image of another one is dropped. A target is the share of each class
    in what the rule leaves of theirs; it sums to 1.
    """
    is_image = (table["votes"].is_not_null() & table["name"].is_not_null()).to_numpy()
    weights = np.zeros((len(table), len(FERPLUS_VOTES)), np.uint8)
    if is_image.any():
        weights[is_image] = RULES[mode](table["votes"].filter(is_image).to_numpy())
    winner = weights.argmax(axis=1)
    kept = pl.Series(weights.any(axis=1) & (winner < len(classes)))
    weights = weights[:, : len(classes)]
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    targets = pl.Series(shares.astype(np.float32), dtype=pl.Array(pl.Float32, len(classes)))
    return table.with_columns(
        label=pl.when(kept).then(pl.Series(FERPLUS_VOTES).gather(winner)),
        target=pl.when(kept).then(targets),
    )
