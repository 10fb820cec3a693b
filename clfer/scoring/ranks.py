"""Mean ranks of methods over several datasets, with the difference that chance alone would make.

Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7, 2006: Friedman's
test over the datasets, then Nemenyi's critical difference of two mean ranks.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from clfer.errors import InputError

FEWEST = 3  # methods, and datasets, of which Friedman's test can be had


def mean_ranks(accuracy: Mapping[str, Mapping[str, float]], alpha: float) -> dict[str, Any]:
    """Ranks of the names that have an accuracy on every dataset, 1 the best, equal ones shared.

    accuracy: by dataset and name. `critical` is Nemenyi's difference at `alpha`, None, as is p,
    with fewer than `FEWEST` names or datasets. Raises InputError with fewer than two of either.
    """
    datasets = list(accuracy)
    names = [
        name
        for name in next(iter(accuracy.values()), {})
        if all(name in one for one in accuracy.values())
    ]
    if len(datasets) < 2 or len(names) < 2:
        raise InputError(
            f"ranks: expected two names or more on two datasets or more, found {len(names)} names "
            f"on all of {len(datasets)}; score the same names on each"
        )
    table = np.array([[accuracy[one][name] for name in names] for one in datasets])  # [D, K]
    table = np.round(table, 12)
    ranks = stats.rankdata(-table, axis=1).mean(axis=0)
    p = critical = None
    if min(table.shape) >= FEWEST:
        differ = np.ptp(table, axis=1).any()  # else the statistic is 0 / 0
        p = float(stats.friedmanchisquare(*table.T).pvalue) if differ else 1.0
        critical = critical_difference(len(names), len(datasets), alpha)
    order = np.argsort(ranks, kind="stable")
    return {
        "datasets": datasets,
        "ranks": {names[i]: float(ranks[i]) for i in order},
        "alpha": alpha,
        "p": p,
        "critical": critical,
    }


def critical_difference(names: int, datasets: int, alpha: float) -> float:
    """q sqrt(K (K + 1) / (6 D)), with q the studentised range of infinite freedom over sqrt(2)."""
    q = stats.studentized_range.isf(alpha, names, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(names * (names + 1) / (6 * datasets)))
