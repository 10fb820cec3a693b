"""One statement over several comparisons of the same variants: `python docs/results/pooled.py
PAGE.json...`, each made by `clfer experiment comparison`.

The mean over the pages, each with the same weight, of the mean difference of test accuracy over
paired seeds; its standard error from the spread within the pages, degrees of freedom by
Satterthwaite; `equal`: p of two one-sided tests against the pages' margin. It speaks of these
pages, not of others.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy import stats

from clfer.report.markdown import table
from clfer.report.numbers import change, points, probability


def pooled(pages: list[list[float]], margin: float) -> tuple[float, list[float], float, float]:
    """Of each page's differences of paired seeds: the mean of the means, its 95 % interval, p of no
    difference, and p of one beyond the margin.
    """
    each = [np.var(one, ddof=1) / len(one) for one in pages]
    mean, error = np.mean([np.mean(one) for one in pages]), np.sqrt(sum(each)) / len(pages)
    spread = sum(v**2 / (len(one) - 1) for v, one in zip(each, pages, strict=True))
    freedom = sum(each) ** 2 / spread
    half = stats.t.ppf(0.975, freedom) * error
    p = 2 * stats.t.sf(abs(mean) / error, freedom)
    equal = stats.t.sf((margin - abs(mean)) / error, freedom)
    return float(mean), [float(mean - half), float(mean + half)], float(p), float(equal)


def main() -> None:
    found: dict[str, list[list[float]]] = defaultdict(list)
    for page in sys.argv[1:]:
        for one in json.loads(Path(page).read_text(encoding="utf-8"))["comparisons"]:
            if one["primary"] and one["ci95"]:
                margin = one["margin"]
                found[f"`{one['a']}` - `{one['b']}`"].append(
                    [seed["difference"] for seed in one["per_seed"]]
                )
    rows = []
    for name, pages in found.items():
        mean, ci95, p, equal = pooled(pages, margin)
        seeds = ", ".join(str(len(one)) for one in pages)
        rows.append([name, seeds, points(mean), change(ci95), probability(p), probability(equal)])
    print(table(["", "seeds", "points", "95 % interval", "p", "equal"], rows))


if __name__ == "__main__":
    main()
