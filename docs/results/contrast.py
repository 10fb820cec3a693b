"""Validation accuracy of a folder of cells, beside `baseline`: `python docs/results/contrast.py
CELLS [GRADIENTS.csv]`. Predictions stay closed.

The accuracy at the selected epoch; its difference over the seeds that both rows have, with the 95 %
interval and p of a paired t test, uncorrected; and, seed by seed in the last epoch, the contrastive
losses by their weight (a cosine, or a mean log-likelihood) and CLBS's occupied groups.

Of what gradients.py has written: for each block the norm of a loss' gradient in percent of the
classification's, median over seeds and epochs; and in brackets, both the mean over the second half
of the epochs, its cosine with the classification's, and with itself on another batch.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from clfer.report.markdown import table
from clfer.report.numbers import ABSENT, change, points, probability, share
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
LOSSES = {"loss_cls": "classification", "loss_fm": "CLFM", "loss_bs": "CLBS"}
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


def asked(gradients: Path) -> Iterator[list[str]]:
    """The rows of the second table."""
    keys = ["variant", "seed", "epoch", "block"]
    # an epoch that was done again stands there twice
    found = pl.read_csv(gradients, infer_schema_length=None)
    found = found.unique([*keys, "loss"], keep="last", maintain_order=True)
    whole = found.filter(loss="loss_cls").select(*keys, whole="norm")
    late = pl.col("epoch") > found["epoch"].max() / 2
    shares = (
        found.join(whole, keys)
        .group_by("variant", "loss", "block", maintain_order=True)
        .agg(
            (pl.col("norm") / pl.col("whole")).median(),
            pl.col("cosine", "steady").filter(late).mean(),
        )
    )
    for (variant, loss), blocks in shares.group_by("variant", "loss", maintain_order=True):
        by = {row["block"]: row for row in blocks.iter_rows(named=True)}
        cells = (
            f"{100 * one['norm']:.1f} ({cosine(one['cosine'])}, {cosine(one['steady'])})"
            for one in (by[j] for j in sorted(by))
        )
        yield [str(variant), LOSSES[loss], *cells]


def cosine(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.2f}"


if __name__ == "__main__":
    cells, *gradients = map(Path, sys.argv[1:])
    print(table(COLUMNS, list(rows(cells))))
    for file in gradients:
        print("\n" + table(("row", "loss", *(f"block {j}" for j in range(1, 5))), asked(file)))
