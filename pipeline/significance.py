"""Stage significance: does a variant beat the baseline, over the seeds of the grid?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clfer.errors import InputError
from clfer.files import replacing, sha256, write_json, write_text
from pipeline import options, params, paths
from pipeline.console import page, say

if TYPE_CHECKING:
    import polars as pl

    from clfer.scoring.grid import Run

Cell = tuple[str, str, int]


def significance() -> None:
    """Compare the grid's variants and write metrics/summary.json, a table and plots."""
    from clfer.report.markdown import markdown
    from clfer.report.verdicts import summary_with_verdicts
    from clfer.scoring.grid import Run
    from clfer.scoring.selection import selection_gap
    from clfer.scoring.summary import Significance
    from pipeline import stored

    grid = params.settings(params.Run, "run")
    chosen = params.settings(Significance, "significance")
    check_baseline(chosen.baseline, grid.variants)
    cells = list(product(grid.datasets, grid.variants, grid.seeds))
    found, histories, runs = {}, {}, []
    for cell in cells:
        folder, words = paths.results(*cell), " ".join(map(str, cell))
        found[cell] = stored.document(folder / "scores.json", f"evaluate {words}")
        histories[cell] = stored.table(paths.run(*cell) / paths.HISTORY, f"train {words}")
        table = stored.table(folder / "predictions.parquet", f"evaluate {words}")
        runs.append(Run(*cell, table, selection_gap(histories[cell])))
    sources = _sources(found)
    summary = summary_with_verdicts(
        runs,
        evidence={cell[0]: found[cell]["evidence"] for cell in cells},
        protocol={name: _protocol(name, found) for name in grid.datasets},
        settings=chosen,
        recipes=_recipes(found),
    )
    text = markdown(summary)
    _plot(summary, runs, list(histories.values()))
    drawn = ("accuracy", *(f"{k}-{d}" for d in grid.datasets for k in ("history", "reliability")))
    own = [paths.PLOTS / f"{name}.png" for name in drawn]
    own += [paths.run(*cell) / paths.HISTORY for cell in cells]
    summary["sources"] = {**sources, **{path.as_posix(): sha256(path) for path in own}}
    write_text(paths.TABLE, text)
    write_json(paths.METRICS, _headline(summary))
    write_json(paths.SUMMARY, summary)
    page(text)
    say([f"the table: {paths.TABLE}", f"plots: {paths.PLOTS}"], f"significance: {paths.SUMMARY}")


def check_baseline(baseline: str, variants: Sequence[str]) -> None:
    """InputError where no variant would be compared with anything."""
    if len(variants) > 1:
        options.check_among("significance.baseline, among the variants", baseline, variants)


def _protocol(name: str, found: Mapping[Cell, dict[str, Any]]) -> Any:
    """How the runs of a dataset were tested; InputError where not all in the same way."""
    cells = [cell for cell in found if cell[0] == name]
    protocol = found[cells[0]]["protocol"]
    for cell in cells:
        if found[cell]["protocol"] != protocol:
            raise InputError(
                f"{paths.results(*cell)}: tested as {found[cell]['protocol']}, but "
                f"{paths.results(*cells[0])} as {protocol}; train and evaluate both again"
            )
    return protocol


def _sources(found: Mapping[Cell, dict[str, Any]]) -> dict[str, str]:
    """SHA-256 of the files that all scores were taken from, by path; InputError where one of them
    is no longer the same.
    """
    known: dict[str, str] = {}
    for cell, scores in found.items():
        for path, sha in scores.get("sources", {"model": None}).items():
            if path not in known:
                known[path] = sha256(Path(path)) if Path(path).is_file() else sha or ""
            if known[path] != sha:
                again = f"clfer evaluate {' '.join(map(str, cell))}"
                raise InputError(
                    f"{paths.results(*cell)}/scores.json: expected scores of the {path} that is "
                    f"there, found those of another; run `{again}`"
                )
    return known


def _recipes(found: Mapping[Cell, dict[str, Any]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By dataset and variant, the settings of training that the scores record."""
    recipes: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for (name, variant, _), scores in found.items():
        if "recipe" in scores:
            recipes.setdefault(name, {}).setdefault(variant, []).append(scores["recipe"])
    return recipes


def _headline(summary: dict[str, Any]) -> dict[str, Any]:
    """The few numbers that `dvc metrics` and `dvc exp show` have room for."""
    from clfer.scoring.selection import TEST

    return {
        name: {
            "optimistic_accuracy" if dataset["selected_on"] == TEST else "accuracy": {
                v: found["accuracy"]["mean"] for v, found in dataset["variants"].items()
            },
            "p_holm": {c["a"]: c["p_holm"] for c in dataset["comparisons"] if c["primary"]},
        }
        for name, dataset in summary["datasets"].items()
    }


def _plot(summary: dict[str, Any], runs: Sequence[Run], histories: Sequence[pl.DataFrame]) -> None:
    """Pictures for people, and the tables that `dvc plots` draws its own from."""
    import polars as pl

    from clfer.figures.curves import draw_history
    from clfer.figures.scores import draw_accuracy, draw_reliability
    from clfer.report.numbers import marked
    from clfer.scoring.scores import confidence

    with replacing(paths.PLOTS / "accuracy.png") as temporary:
        draw_accuracy(summary, temporary)
    for run, rows in zip(runs, histories, strict=True):
        cell = f"{run.dataset}-{run.variant}-{run.seed}.csv"
        with replacing(paths.PLOTS / "history" / cell) as temporary:
            rows.write_csv(temporary)
        with replacing(paths.PLOTS / "confusion" / cell) as temporary:
            run.predictions.select(pl.col("label").alias("actual"), "predicted").write_csv(
                temporary
            )
    for name, dataset in summary["datasets"].items():
        curves: dict[str, list[pl.DataFrame]] = defaultdict(list)
        sure: dict[str, list[Any]] = defaultdict(list)
        for run, rows in zip(runs, histories, strict=True):
            if run.dataset == name:
                curves[run.variant].append(rows)
                sure[run.variant].append(confidence(run.predictions))
        with replacing(paths.PLOTS / f"history-{name}.png") as temporary:
            draw_history(curves, temporary)
        title = marked(name, dataset["evidence"], dataset["selected_on"])
        with replacing(paths.PLOTS / f"reliability-{name}.png") as temporary:
            draw_reliability(sure, title, temporary)
