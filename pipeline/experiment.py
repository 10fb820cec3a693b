"""Tool experiment: a table or figure of the paper by name, on any dataset, through DVC."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Annotated, Any

import polars as pl
import typer

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.experiments import clusters, intensity, leakage, rule, scarcity, tables, text
from clfer.experiments.differs import differs
from clfer.experiments.plan import Plan
from clfer.experiments.result import result
from clfer.files import replacing
from clfer.scoring.grid import Run
from pipeline import cell, outputs, paths, stored
from pipeline.borrow import Write, borrowed, repro
from pipeline.console import page, say
from pipeline.console import table as show
from pipeline.options import numbers, words
from pipeline.params import Run as Grid
from pipeline.params import block, settings

LEAKED = ("baseline", "ours")
NAMES = (
    "table2",
    "table3",
    "table4",
    "table5",
    "table6",
    "table7",
    "table8",
    "figure5",
    "figure8",
    "leakage",
)


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help=f"One of {', '.join(NAMES)}.",
            autocompletion=lambda: [*NAMES],
        ),
    ],
    dataset: Annotated[str, typer.Option(metavar="DATASET", help="A dataset of params.yaml.")],
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2 or 0-9.")] = None,
    variants: Annotated[str | None, typer.Option(help="Only these rows, such as msr,ours.")] = None,
    categories: Annotated[
        str | None, typer.Option(help="table3: only these classes, such as anger,fear.")
    ] = None,
    kept: Annotated[str, typer.Option(help="table3: percent of the class kept.")] = "0,10,30",
    set_param: Annotated[
        list[str] | None,
        typer.Option("--set-param", "-S", help="Settings for this run, as in dvc exp run."),
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="A block of `recipes`.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be trained.")] = False,
) -> None:
    """Train the cells of a table or figure of the paper that are not there yet, and write it."""
    if name not in NAMES:
        raise InputError(f"experiment: expected one of {', '.join(NAMES)}; found '{name}'")
    with borrowed(set_param or []) as write:
        if recipe:
            write({"datasets": _with_recipe(dataset, recipe)})
        plan = _plan(name, dataset, categories, kept)
        plan = plan.only(words("--variants", variants, list(plan.variants))) if variants else plan
        given = numbers("--seeds", seeds) if seeds else None
        chosen = given or list(plan.seeds or settings(Grid, "run").seeds)
        _tell(plan, dataset, chosen)
        if name == "leakage":
            document = _leakage(write, plan, dataset, chosen, dry_run)
        else:
            found = _grid(write, plan.variants, dataset, chosen, dry_run)
            document = None if found is None else _document(name, plan, dataset, found)
    if document:
        _write(document)
        _draw(name, dataset, plan)


def _with_recipe(dataset: str, recipe: str) -> dict[str, Any]:
    """The datasets' blocks, the named recipe over that dataset's own."""
    own = block("datasets", dataset)
    merged = {**own["recipe"], **block("recipes", recipe)}
    return {**block("datasets"), dataset: {**own, "recipe": merged}}


def _plan(name: str, dataset: str, categories: str | None, kept: str) -> Plan:
    """The plan of that name, for the classes of the dataset where it needs them."""
    rows = block("variants")
    block("datasets", dataset)
    if name == "leakage":
        return leakage.plan(LEAKED)
    if name not in ("table3", "figure8"):
        plan: Plan = getattr(tables, name)(rows)
        return plan
    if not paths.split(dataset).exists():
        repro([f"split@{dataset}"])
    classes = labels.classes(stored.table(paths.split(dataset), f"split {dataset}", ("label",)))
    if name == "figure8":
        return tables.figure8(rows, classes)
    named = words("--categories", categories, classes) if categories else classes
    return scarcity.table3(rows, classes, named, numbers("--kept", kept))


def _tell(plan: Plan, dataset: str, seeds: Sequence[int]) -> None:
    """What is going to be trained, on standard output."""
    rows = {row.variant: row.label for row in plan.rows if row.variant}
    show(
        f"{plan.title}, on {dataset}: {len(rows)} variants x {len(seeds)} seeds "
        f"({', '.join(map(str, seeds))})",
        ["variant", *plan.columns],
        [[variant, *label] for variant, label in rows.items()],
    )


def _grid(
    write: Write,
    variants: Mapping[str, Mapping[str, Any]],
    dataset: str,
    seeds: Sequence[int],
    dry_run: bool,
    duplicates: str | None = None,
) -> list[Run] | None:
    """Train and score what is not there yet; the runs, or None where it was only asked what would
    be done.
    """
    grid = {"datasets": [dataset], "variants": list(variants), "seeds": list(seeds)}
    split = block("split") | ({"duplicates": duplicates} if duplicates else {})
    changed = {"variants": {**block("variants"), **variants}, "datasets": block("datasets")}
    write({"run": grid, "split": split, **changed})
    for name in variants:
        cell.variant(name)
        cell.recipe(dataset, name)
    cells = list(product(seeds, variants))
    if dry_run:
        _missing(dataset, cells)
        return None
    repro([f"evaluate@{dataset}-{variant}-{seed}" for seed, variant in cells])
    return [_run(dataset, variant, seed) for seed, variant in cells]


def _missing(dataset: str, cells: Sequence[tuple[int, str]]) -> None:
    """Which cells have no results in the checkout; what DVC's cache holds, it alone knows."""
    gone = [
        f"{variant}-{seed}"
        for seed, variant in cells
        if not (paths.results(dataset, variant, seed) / "scores.json").exists()
    ]
    lines = [", ".join(gone)] if gone else []
    say(
        [*lines, "cells whose settings, code or data have changed are trained again as well"],
        f"{len(gone)} of {len(cells)} cells have no results here",
    )


def _run(dataset: str, variant: str, seed: int) -> Run:
    path = paths.results(dataset, variant, seed) / "predictions.parquet"
    table = stored.table(path, f"evaluate {dataset} {variant} {seed}")
    return Run(dataset, variant, seed, table)


def _leakage(
    write: Write, plan: Plan, dataset: str, seeds: Sequence[int], dry_run: bool
) -> dict[str, Any] | None:
    """Two grids in the same folders: that of params.yaml comes last and stays."""
    variants = {name: block("variants", name) for name in LEAKED}
    last = block("split", "duplicates")
    found = {
        setting: _grid(write, variants, dataset, seeds, dry_run, setting)
        for setting in sorted(("drop", "keep"), key=lambda one: one == last)
    }
    kept, dropped = found["keep"], found["drop"]
    if kept is None or dropped is None:
        return None
    entries = leakage.results(plan, kept, dropped, block("significance", "alpha"))
    return text.document("leakage", plan, dataset, entries, _facts(dropped[-1]))


def _document(name: str, plan: Plan, dataset: str, runs: Sequence[Run]) -> dict[str, Any]:
    """The table from the results of its cells, with what some tables say beyond the accuracies."""
    entries = result(plan, runs, block("significance", "alpha"))
    more: dict[str, Any] = {}
    match name:
        case "table8":
            more = {"more": rule.said(dataset, entries[0]["accuracy"])}
        case "figure5":
            histories = [(run.variant, _history(run)) for run in runs]
            more = {"beside": intensity.columns(plan, histories)}
        case "figure8":
            more = {"points": clusters.points(entries)}
    return text.document(name, plan, dataset, entries, {**_facts(runs[-1]), **more})


def _history(run: Run) -> pl.DataFrame:
    cell = (run.dataset, run.variant, run.seed)
    return stored.table(paths.run(*cell) / "history.csv", "train {} {} {}".format(*cell))


def _facts(run: Run) -> dict[str, Any]:
    """What has to stand beside the numbers, from one of the cells."""
    path = paths.results(run.dataset, run.variant, run.seed) / "scores.json"
    found = stored.document(path, f"evaluate {run.dataset} {run.variant} {run.seed}")
    recipe = cell.recipe(run.dataset, run.variant).model_dump()
    return {
        "evidence": found["evidence"],
        "selected_on": recipe["select"],
        "differs": differs(recipe, found["protocol"]),
        "command": shlex.join(["clfer", *sys.argv[1:]]),
    }


def _draw(name: str, dataset: str, plan: Plan) -> None:
    """The figure that belongs to the table, if one does."""
    if name not in ("figure5", "figure8"):
        return
    from pipeline.figure import figure

    if name == "figure5":
        figure("learning_intensity", dataset, list(plan.variants))
    else:
        figure("k", dataset)


def _write(document: dict[str, Any]) -> None:
    """The three files of a table, each whole or not at all, and the table on the terminal."""
    path = outputs.table(document["dataset"], document["name"])
    shown = text.markdown(document)
    files = {
        ".md": shown,
        ".csv": text.as_csv(document),
        ".json": json.dumps(document, indent=2) + "\n",
    }
    for suffix, content in files.items():
        with replacing(path.with_suffix(suffix)) as temporary:
            temporary.write_text(content)
    page(shown)
    say([f"also as {path.with_suffix('.csv')} and {path}"], f"{path.with_suffix('.md')}")
