"""How far the raters of a dataset agree, and what they take for what.

R rated images, `votes` uint8 [R, 10] in the order of `expressions.FERPLUS_VOTES`.
"""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, UInt8

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import classes

Votes = UInt8[np.ndarray, "R 10"]
Shares = Float[np.ndarray, "R 10"]


def agreement(table: pl.DataFrame) -> dict[str, Any] | None:
    """What the votes say of the images that have any; None where no image has.

    table: of `clfer.description.rows`

    images, labelled: rated ones, and those of them with a label
    top_vote: one entry for each number of votes from 1 to the largest: {"votes": that number,
              "images": those whose strongest column got so many, "share": of all rated images,
              "labelled": those of them with a label}
    entropy:  mean over the rated images, in bits: 0 where all raters agree
    pairs:    mean over the rated images, the share of pairs of raters who gave the same; null where
              every image has a single rater
    columns:  of the votes
    classes:  name -> {"images": rated ones with this label, "label_share": mean share of the label
              in their votes (null where it is none of the columns), "entropy": mean, "shares": the
              mean share of each column}; all three null where there is no image
    """
    rated = table.filter(pl.col("votes").arr.sum() > 0)
    if rated.is_empty():
        return None
    votes = rated["votes"].to_numpy()
    labelled = rated["label"].is_not_null().to_numpy()
    shares = votes / votes.sum(axis=1, keepdims=True, dtype=int)
    scattered = entropy(shares)
    top = votes.max(axis=1)
    counts, kept = (np.bincount(tops, minlength=top.max() + 1) for tops in (top, top[labelled]))
    return {
        "images": len(rated),
        "labelled": int(labelled.sum()),
        "top_vote": [
            {
                "votes": size,
                "images": int(counts[size]),
                "share": float(counts[size] / len(rated)),
                "labelled": int(kept[size]),
            }
            for size in range(1, len(counts))
        ],
        "entropy": float(scattered.mean()),
        "pairs": pairs(votes),
        "columns": list(FERPLUS_VOTES),
        "classes": {
            name: _of_class(name, shares[here], scattered[here])
            for name in classes(table)
            for here in [(rated["label"] == name).fill_null(False).to_numpy()]
        },
    }


def entropy(shares: Shares) -> Float[np.ndarray, " R"]:
    """Of each row, in bits."""
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Float[np.ndarray, " R"] = -(shares * logarithms).sum(axis=1) + 0.0  # no -0
    return bits


def pairs(votes: Votes) -> float | None:
    """Mean share of the pairs of raters of an image who gave the same, over the images with at
    least two; the observed agreement of Fleiss (1971).
    """
    counts = votes.astype(np.int64)
    raters = counts.sum(axis=1)
    alike, all_pairs = (counts * (counts - 1)).sum(axis=1), raters * (raters - 1)
    several = all_pairs > 0
    return float((alike[several] / all_pairs[several]).mean()) if several.any() else None


def _of_class(name: str, shares: Shares, scattered: Float[np.ndarray, " R"]) -> dict[str, Any]:
    if not len(shares):
        return {"images": 0, "label_share": None, "entropy": None, "shares": None}
    means = shares.mean(axis=0).tolist()
    return {
        "images": len(shares),
        "label_share": dict(zip(FERPLUS_VOTES, means, strict=True)).get(name),
        "entropy": float(scattered.mean()),
        "shares": means,
    }
