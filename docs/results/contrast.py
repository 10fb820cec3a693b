"""Validation accuracy of a folder of cells, beside `baseline`: `python docs/results/contrast.py
CELLS`. Predictions stay closed.

The accuracy at the selected epoch; its difference over the seeds that both rows have, with the 95 %
interval and p of a paired t test, uncorrected; and, seed by seed in the last epoch, the contrastive
losses by their weight (a cosine, or a mean log-likelihood) and CLBS's occupied groups.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from clfer.report.markdown import table
from clfer.report.numbers import change, points, probability, share
from clfer.scoring.comparison import paired_interval, paired_t
from clfer.scoring.selection import mean_std_values

COLUMNS = (
    "row",
    "seeds",
    "validation (%)",
    "points",
    "95 % interval",
    "p",
    "CLFM",
    "CLBS",
    "groups",
)
WEIGHTS = {"loss_fm": ("clfm", "alpha"), "loss_bs": ("clbs", "beta")}


def seen(folder: Path) -> dict[str, float]:
    """What one cell's history says."""
    cell = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
    history = pl.read_csv(folder / "history.csv")
    found = {"accuracy": history["val_accuracy"][cell["epoch"] - 1]}
    for loss, (module, weights) in WEIGHTS.items():
        if settings := cell["modules"][module]:
            found[loss] = -history[loss][-1] / sum(settings[weights])
    if "groups_bs" in history.columns:
        found["groups_bs"] = history["groups_bs"][-1]
    return found


def rows(cells: Path) -> Iterator[list[str]]:
    known = {
        row.name: {seed.name: seen(seed) for seed in sorted(row.iterdir())}
        for row in sorted(cells.iterdir())
    }
    for name, seeds in known.items():
        both = [seed for seed in seeds if seed in known["baseline"] and name != "baseline"]
        a, b = (
            np.array([by[seed]["accuracy"] for seed in both]) for by in (seeds, known["baseline"])
        )
        interval = paired_interval(a, b)
        yield [
            name,
            str(len(seeds)),
            share(mean_std_values([one["accuracy"] for one in seeds.values()])),
            points((a - b).mean() if both else None),
            change(interval and interval[:2]),
            probability(paired_t(a, b)),
            *(
                ", ".join(f"{one[key]:.2f}" for one in seeds.values() if key in one)
                for key in (*WEIGHTS, "groups_bs")
            ),
        ]


if __name__ == "__main__":
    print(table(COLUMNS, list(rows(Path(sys.argv[1])))))
