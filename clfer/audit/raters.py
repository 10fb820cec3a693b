"""How far raters agree, with each other and with themselves, and what they take for what.

Raters agree with themselves where the same picture was rated twice without anybody knowing. Let p_k
be the chance that a panel of raters labels a picture k. Two panels agree with chance sum p_k^2,
which is what another panel would score. The best a model can do is to say the most likely label
each time, which is right with chance max p_k <= sqrt(sum p_k^2). The same holds of the means, by
Jensen's inequality: on pictures like these no model is expected to be right more often than the
root of the agreement, and one as good as another panel reaches the agreement itself.

R rated images, `votes` uint8 [R, 10] in the order of `expressions.FERPLUS_VOTES`.
"""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int, UInt8
from scipy import stats
from sklearn.metrics.cluster import contingency_matrix

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.labels import classes


def agreement(labels: pl.DataFrame) -> dict[str, Any] | None:
    """Agreement of the raters of each image, from `label` and `votes`; None where no image has any.

    images, labelled: rated ones, and those of them with a label
    top_vote: for each number of votes from 1 to the largest {"votes": that number, "images": those
              whose strongest column got so many, "labelled": those of them with a label}
    entropy:  mean over the rated images, in bits: 0 where all raters agree
    pairs:    see `pair_agreement`, the mean over the images with several raters, null without any
    classes:  name -> {"images": rated ones with this label, "entropy": mean, "shares": column ->
              its mean share of their votes}; null where there is no image
    """
    rated = labels.filter(pl.col("votes").arr.sum() > 0)
    if rated.is_empty():
        return None
    votes = rated["votes"].to_numpy()
    shares = votes / votes.sum(axis=1, keepdims=True, dtype=int)
    columns = list(FERPLUS_VOTES)
    table = pl.DataFrame(shares, columns).with_columns(
        rated["label"], entropy=stats.entropy(shares, axis=1, base=2)
    )
    top, labelled = votes.max(axis=1), rated["label"].is_not_null().to_numpy()
    images, kept = (np.bincount(some, minlength=top.max() + 1) for some in (top, top[labelled]))
    several = votes.sum(axis=1, dtype=int) > 1
    return {
        "images": len(rated),
        "labelled": int(labelled.sum()),
        "top_vote": [
            {"votes": size, "images": int(images[size]), "labelled": int(kept[size])}
            for size in range(1, len(images))
        ],
        "entropy": table["entropy"].mean(),
        "pairs": float(pair_agreement(votes[several]).mean()) if several.any() else None,
        "classes": {
            name: {
                "images": len(mine),
                "entropy": mine["entropy"].mean(),
                "shares": mine.select(columns).mean().row(0, named=True),
            }
            for name in classes(labels)
            for mine in (table.filter(pl.col("label") == name),)
        },
    }


def pair_agreement(
    counts: UInt8[np.ndarray, "R K"] | Int[np.ndarray, "R K"],
) -> Float[np.ndarray, " R"]:
    """Of each row's ratings, at least two, the share of pairs in the same column: the observed
    agreement of Fleiss (1971).
    """
    counts = counts.astype(np.int64)
    size = counts.sum(axis=1)
    share: Float[np.ndarray, " R"] = (counts * (counts - 1)).sum(axis=1) / (size * (size - 1))
    return share


def repeated(images: pl.DataFrame, group: str) -> dict[str, Any]:
    """Agreement of the raters with themselves, over groups of images of the same picture.

    images: `label`, `votes` (null where the dataset has none), and the column `group`, equal for
            images of the same picture

    groups:     with at least two images
    same_label: share of the pairs of a group's images with equal label, averaged over the groups
    ci95:       Wilson's interval of it, a group counting as one trial: rather too wide, since a
                group of several images says more than that
    ceiling:    the root of `same_label`, see above
    votes:      null without votes; else `identical`, the share of groups whose images all have the
                same votes (near 1 means that copies were not rated anew, and that `same_label` says
                nothing), and `distance`, the total variation between the votes of a pair (0 alike
                to 1 disjoint), averaged like `same_label`
    """
    images = images.filter(pl.len().over(group) > 1)
    if images.is_empty():
        return {"groups": 0, "same_label": None, "ci95": None, "ceiling": None, "votes": None}
    labels = images["label"].cast(pl.String).to_numpy()
    same = pair_agreement(contingency_matrix(images[group].to_numpy(), labels))
    trials = stats.binomtest(round(same.sum()), len(same))
    return {
        "groups": len(same),
        "same_label": float(same.mean()),
        "ci95": [float(bound) for bound in trials.proportion_ci(0.95, method="wilson")],
        "ceiling": float(same.mean()) ** 0.5,
        "votes": _votes(images, group),
    }


def _votes(images: pl.DataFrame, group: str) -> dict[str, Any] | None:
    rated = images.filter(pl.col("votes").is_not_null()).select(group, "votes").with_row_index()
    pairs = rated.join(rated, on=group).filter(pl.col("index") < pl.col("index_right"))
    if pairs.is_empty():
        return None
    one, other = (
        votes / np.maximum(votes.sum(axis=1, keepdims=True, dtype=int), 1)
        for votes in (pairs["votes"].to_numpy(), pairs["votes_right"].to_numpy())
    )
    pairs = pairs.select(group, distance=np.abs(one - other).sum(axis=1) / 2)
    groups = pairs.group_by(group).agg(pl.mean("distance"), identical=pl.max("distance") == 0)
    return groups.select(pl.mean("identical", "distance")).row(0, named=True)
