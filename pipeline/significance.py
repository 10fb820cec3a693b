"""Stage significance: does a variant beat the baseline, over the seeds of the grid?"""

import json
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl

from clfer.errors import InputError
from clfer.figures import accuracy, history
from clfer.files import replacing
from clfer.scoring.grid import Run
from clfer.scoring.report import markdown
from clfer.scoring.summary import Significance, summarise
from pipeline import paths
from pipeline.console import say
from pipeline.params import Run as Grid
from pipeline.params import settings


def significance() -> None:
    """Compare the grid's variants and write metrics/summary.json, a table and plots."""
    grid = settings(Grid, "run")
    chosen = settings(Significance, "significance")
    cells = list(product(grid.datasets, grid.variants, grid.seeds))
    found = {cell: _scores(paths.results(*cell)) for cell in cells}
    runs = [
        Run(*cell, pl.read_parquet(paths.results(*cell) / "predictions.parquet")) for cell in cells
    ]
    summary = summarise(
        runs,
        evidence={cell[0]: found[cell]["evidence"] for cell in cells},
        protocol={cell[0]: found[cell]["protocol"] for cell in cells},
        settings=chosen,
    )
    text = markdown(summary)
    with replacing(paths.PLOTS / "accuracy.png") as temporary:
        accuracy.draw(summary, temporary)
    for name in grid.datasets:
        curves = {v: [_history(name, v, seed) for seed in grid.seeds] for v in grid.variants}
        with replacing(paths.PLOTS / f"history-{name}.png") as temporary:
            history.draw(curves, temporary)
    with replacing(paths.TABLE) as temporary:
        temporary.write_text(text)
    with replacing(paths.SUMMARY) as temporary:
        temporary.write_text(json.dumps(summary, indent=2) + "\n")
    say(text.splitlines(), f"significance: {paths.SUMMARY}")


def _scores(folder: Path) -> dict[str, Any]:
    """The scores of one cell of the grid."""
    try:
        scores: dict[str, Any] = json.loads((folder / "scores.json").read_text())
    except FileNotFoundError as error:
        raise InputError(
            f"{folder}/scores.json is missing; `dvc repro`, or train and evaluate that cell"
        ) from error
    return scores


def _history(dataset: str, variant: str, seed: int) -> pl.DataFrame:
    return pl.read_csv(paths.run(dataset, variant, seed) / "history.csv")
