"""How far raters agree with themselves: the same picture, rated twice without anybody knowing.

Let p_k be the chance that a panel of raters labels a picture k. Two panels agree with chance
sum p_k^2, which is what another panel would score; the best that a model can do is to say the most
likely label each time, which is right with chance max p_k <= sqrt(sum p_k^2). The same holds of the
means, by Jensen's inequality: no model is expected to be right more often than the root of the
agreement, on pictures like these, and one as good as another panel reaches the agreement itself.
"""

from typing import Any

import numpy as np
import polars as pl
from scipy import stats

CONFIDENCE = 0.95


def agreement(images: pl.DataFrame, group: str) -> dict[str, Any]:
    """What the images of one group say of each other, as plain numbers that JSON takes.

    images: `label`, `votes` (null where the dataset has none), and the column `group`, equal for
            what shall be the same picture

    groups:     with at least two images
    same_label: share of the pairs of a group's images with equal label, averaged over the groups
    ci95:       Wilson's interval of it, a group counting as one trial: too wide rather than too
                narrow, since a group of several images says more than that
    ceiling:    the root of `same_label`, see above
    votes:      null without votes; else `identical`, the share of groups whose images all have the
                same votes (near 1 means that copies were not rated anew, and that `same_label` says
                nothing), and `distance`, the mean total variation between the votes of a pair (0
                alike .. 1 disjoint), again averaged over the groups
    """
    groups = [
        (rows["label"].to_list(), rows["votes"].to_list())
        for _, rows in images.group_by(group, maintain_order=True)
        if len(rows) > 1
    ]
    if not groups:
        return {"groups": 0, "same_label": None, "ci95": None, "ceiling": None, "votes": None}
    same = [_pairs(labels, lambda a, b: float(a == b)) for labels, _ in groups]
    rated = [votes for _, votes in groups if None not in votes]
    share = float(np.mean(same))
    return {
        "groups": len(groups),
        "same_label": share,
        "ci95": _interval(round(sum(same)), len(same)),
        "ceiling": share**0.5,
        "votes": _votes(rated) if rated else None,
    }


def _interval(agreeing: int, groups: int) -> list[float]:
    found = stats.binomtest(agreeing, groups).proportion_ci(CONFIDENCE, method="wilson")
    return [float(found.low), float(found.high)]


def _votes(groups: list[list[list[int]]]) -> dict[str, float]:
    identical = [len({tuple(one) for one in votes}) == 1 for votes in groups]
    distances = [_pairs(votes, _variation) for votes in groups]
    return {"identical": float(np.mean(identical)), "distance": float(np.mean(distances))}


def _pairs(items: list[Any], measure: Any) -> float:
    """The mean of a measure over all pairs of items."""
    return float(
        np.mean([measure(one, other) for i, one in enumerate(items) for other in items[:i]])
    )


def _variation(one: list[int], other: list[int]) -> float:
    """The total variation of two distributions of votes."""
    p, q = (np.array(votes) / max(sum(votes), 1) for votes in (one, other))
    return float(np.abs(p - q).sum() / 2)
