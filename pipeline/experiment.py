"""Tool experiment: a table or figure of the paper by name, or a comparison of variants, on any
dataset. Cells that are missing are trained in this process.
"""

from __future__ import annotations

import importlib
import json
import shlex
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from clfer.errors import InputError
from pipeline import options, paths

if TYPE_CHECKING:
    import polars as pl

    from clfer.experiments.plan import Plan
    from clfer.scoring.grid import Run
    from clfer.training.cell import Cell, Data

COMPARED = ("baseline", "msr", "cl", "ours")
LEAKED = ("baseline", "ours")
NAMES = (
    *("comparison", "table2", "table3", "table4", "table5", "table6", "table7", "table8"),
    *("figure5", "figure8", "leakage"),
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
    dataset: Annotated[
        str,
        typer.Option(metavar="DATASET", help=f"{options.LISTED}.", autocompletion=options.DATASETS),
    ],
    seeds: Annotated[str | None, typer.Option(help="Such as 0,1,2 or 0-9.")] = None,
    variants: Annotated[
        str | None,
        typer.Option(help="Only these rows, such as msr,ours.", autocompletion=options.VARIANTS),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="A block of `recipes`.", autocompletion=options.RECIPES)
    ] = None,
    set_param: Annotated[
        list[str] | None,
        typer.Option("--set-param", "-S", help="Settings for this run, as in dvc exp run."),
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="table3: only these classes, such as anger,fear.")
    ] = None,
    kept: Annotated[str, typer.Option(help="table3: percent of the class kept.")] = "0,10,30",
    folder: Annotated[
        Path | None,
        typer.Option("--cells", help="Where the cells are; default cells/DATASET/RECIPE."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="What to write, without suffix; default tables/D/NAME."),
    ] = None,
    pack: Annotated[
        Path | None,
        typer.Option(help="Only put there what `python -m clfer.training` trains from."),
    ] = None,
    training: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the cells that are missing.")
    ] = True,
    compiled: Annotated[bool, typer.Option("--compile", help="With train.compile.")] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"] | None, typer.Option(help="In place of train.precision.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Say what would be trained.")] = False,
) -> None:
    """Train the cells of a table or figure of the paper that are not there yet, and write it.

    `comparison` compares variants by every score and test, with curves and confusion matrices.
    """
    from pipeline import params

    options.check_among("experiment", name, NAMES)
    listed = options.numbers("--seeds", seeds) if seeds else None
    with params.overridden(set_param or []):
        params.check_there("datasets", dataset)
        if recipe:
            params.check_there("recipes", recipe)
        if name == "comparison" and variants:
            options.words("--variants", variants, [*params.block("variants")])

        from clfer.training import cells as grid
        from pipeline.cell import cell

        prepare(dataset)
        plan = _plan(name, dataset, categories, kept, variants)
        trained = dict.fromkeys(LEAKED) if name == "leakage" else plan.variants
        if name != "leakage":
            params.replace({"variants": {**params.block("variants"), **plan.variants}})
        chosen = listed or list(plan.seeds or params.settings(params.Run, "run").seeds)
        cells = [cell(dataset, one, seed, recipe) for seed, one in product(chosen, trained)]
        cells = grid.sped(cells, compiled, precision)
        studies = _studies(name, dataset, cells, folder or Path("cells") / dataset / (recipe or ""))
        _print_plan(plan, dataset, chosen)
        if pack:
            _pack(studies, pack)
        elif dry_run:
            _print_missing(studies)
        else:
            runs = [_runs(study, training) for study in studies]
            target = to or paths.table(dataset, name).with_suffix("")
            if name == "comparison":
                _write_comparison(studies[0], runs[0], target)
            else:
                _write_table(name, plan, studies, runs, target)


class Study(NamedTuple):
    """Cells of one split of a dataset, and the folder in which they are or shall be.

    protocol: what a score on them has to be called; evidence: whether it says anything of a method
    """

    data: Data
    cells: Sequence[Cell]
    folder: Path
    split: Path
    protocol: dict[str, Any]
    evidence: bool


def prepare(dataset: str) -> None:
    """Run those stages before training whose files are not there."""
    if paths.split(dataset).exists():
        return
    stages = {"download": paths.raw, "relabel": paths.labels, "align": paths.faces}
    for stage, place in {**stages, "split": paths.split}.items():
        if not place(dataset).exists():
            getattr(importlib.import_module(f"pipeline.{stage}"), stage)(dataset)


def _plan(name: str, dataset: str, categories: str | None, kept: str, variants: str | None) -> Plan:
    """The plan of that name, for the classes of the dataset where it needs them."""
    from clfer.datasets import labels
    from clfer.experiments import leakage, scarcity, tables
    from clfer.scoring.summary import Significance
    from pipeline import stored
    from pipeline.params import block, settings
    from pipeline.significance import check_baseline

    rows = block("variants")
    if name == "comparison":
        chosen = options.words("--variants", variants, list(rows)) if variants else COMPARED
        check_baseline(settings(Significance, "significance").baseline, chosen)
        return tables.comparison(rows, chosen)
    if name == "leakage":
        return leakage.plan(LEAKED)
    if name in ("table3", "figure8"):
        classes = labels.classes(stored.table(paths.split(dataset), f"split {dataset}", ("label",)))
        if name == "figure8":
            plan = tables.figure8(rows, classes)
        else:
            named = options.words("--categories", categories, classes) if categories else classes
            plan = scarcity.table3(rows, classes, named, options.numbers("--kept", kept))
    else:
        plan = getattr(tables, name)(rows)
    if not variants:
        return plan
    return plan.only(options.words("--variants", variants, list(plan.variants)))


def _studies(name: str, dataset: str, cells: Sequence[Cell], there: Path) -> list[Study]:
    """One, or for `leakage` that with copies kept and that with copies dropped."""
    from clfer.datasets import labels
    from pipeline.cell import data
    from pipeline.params import block
    from pipeline.split import divide

    own = block("split", "duplicates")
    studies = []
    for duplicates in ("keep", "drop") if name == "leakage" else (own,):
        split, folder = paths.split(dataset), there
        if duplicates != own:
            split = split.with_name(f"{dataset}-{duplicates}.parquet")
            folder = there / f"duplicates-{duplicates}"
            divide(dataset, split, duplicates)
        about = labels.about(split)
        protocol = {
            "labels": about["protocol"],
            "duplicates": duplicates,
            "selected_on": cells[0].recipe.select,
        }
        evidence = bool(json.loads(about["evidence"]))
        studies.append(Study(data(dataset, split), cells, folder, split, protocol, evidence))
    return studies


def _print_plan(plan: Plan, dataset: str, seeds: Sequence[int]) -> None:
    from pipeline.console import table

    rows = {row.variant: row.label for row in plan.rows if row.variant}
    title = f"{plan.title}, on {dataset}: {len(rows)} variants x {len(seeds)} seeds "
    title += f"({', '.join(map(str, seeds))})"
    table(title, ["variant", *plan.columns], [[one, *label] for one, label in rows.items()])


def _print_missing(studies: Sequence[Study]) -> None:
    from clfer.training import cells as grid
    from pipeline.console import say

    absent = [
        f"{study.folder / one.name / str(one.seed)}"
        for study in studies
        for one in grid.missing(study.cells, study.data, study.folder)
    ]
    total = sum(len(study.cells) for study in studies)
    say(absent, f"{len(absent)} of {total} cells would be trained")


def _pack(studies: Sequence[Study], folder: Path) -> None:
    """The files that `python -m clfer.training` reads, for each study a folder."""
    from clfer.training import pack
    from pipeline.console import say

    for study in studies:
        place = folder / study.protocol["duplicates"] if len(studies) > 1 else folder
        pack.write(study.data, study.cells, paths.faces(study.data.name), place)
        lines = [
            f"train them by `python -m clfer.training {place} CELLS`",
            "then say the same command with `--cells CELLS --no-train` instead of --pack",
        ]
        say(lines, f"{len(study.cells)} cells to train: {place}")


def _runs(study: Study, training: bool) -> list[Run]:
    """The predictions of the cells that are there, after training those that are not."""
    from clfer.training import cells as grid
    from pipeline import stored
    from pipeline.cell import tested
    from pipeline.console import err, track

    if training:
        write = partial(err.print, highlight=False)
        grid.train_cells(study.cells, study.data, study.folder, track=track, say=write)
    absent = grid.missing(study.cells, study.data, study.folder, training)
    if len(absent) == len(study.cells):
        raise InputError(
            f"{study.folder}: expected cells of this experiment, found none; leave out --no-train"
        )
    test = tested(stored.table(study.split, f"split {study.data.name}"))
    return [_run(one, study, test) for one in study.cells if one not in absent]


def _run(one: Cell, study: Study, test: pl.DataFrame) -> Run:
    """A cell's predictions as `evaluate` writes them. InputError where they are of other images."""
    import numpy as np

    from clfer.scoring.grid import Run
    from clfer.training.cells import PREDICTIONS, place
    from clfer.training.pack import undamaged
    from pipeline.cell import predicted

    path, classes = place(study.folder, one) / PREDICTIONS, study.data.classes
    with undamaged(path), np.load(path) as arrays:
        probability = arrays["test"]
    if probability.shape != (len(test), len(classes)):
        raise InputError(
            f"{path}: expected {len(test)} test images of {len(classes)} classes, found "
            f"{probability.shape}; delete the cell and train it again"
        )
    if probability.dtype == np.float16:  # cells of before code version 1
        probability = probability.astype(np.float32)
        probability /= probability.sum(axis=1, keepdims=True)
    return Run(study.data.name, one.name, one.seed, predicted(test, probability, classes))


def _history(study: Study, run: Run) -> pl.DataFrame:
    from pipeline import stored

    folder = study.folder / run.variant / str(run.seed)
    return stored.table(folder / paths.HISTORY, "experiment")


def _command() -> str:
    return shlex.join(["clfer", *sys.argv[1:]])


def _write_table(
    name: str,
    plan: Plan,
    studies: Sequence[Study],
    runs: Sequence[Sequence[Run]],
    target: Path,
) -> None:
    """A table as .md, .csv and .json, with what some say beyond the accuracies, and its figure."""
    from clfer.experiments import clusters, intensity, leakage, rule, text
    from clfer.experiments.differs import differs
    from clfer.experiments.result import result
    from clfer.files import replacing
    from pipeline.console import page, say
    from pipeline.figure import figure
    from pipeline.params import block

    alpha = block("significance", "alpha")
    if name == "leakage":
        entries = leakage.results(plan, runs[0], runs[1], alpha)
    else:
        entries = result(plan, runs[0], alpha)
    study = studies[-1]
    dataset = study.data.name
    facts: dict[str, Any] = {
        "evidence": study.evidence,
        "selected_on": study.protocol["selected_on"],
        "differs": differs(study.cells[-1].recipe.model_dump(), study.protocol),
        "command": _command(),
    }
    if name == "table8":
        facts["more"] = rule.said(dataset, entries[0]["accuracy"])
    elif name == "figure5":
        histories = [(run.variant, _history(study, run)) for run in runs[0]]
        facts["beside"] = intensity.columns(plan, histories)
    elif name == "figure8":
        facts["points"] = clusters.points(entries)
    document = text.document(name, plan, dataset, entries, facts)
    shown = text.markdown(document)
    as_json = json.dumps(document, indent=2) + "\n"
    for suffix, content in ((".md", shown), (".csv", text.as_csv(document)), (".json", as_json)):
        with replacing(target.with_name(target.name + suffix)) as temporary:
            temporary.write_text(content)
    page(shown)
    say([f"also as {target}.csv and .json"], f"{target}.md")
    if name == "figure5":
        figure("learning_intensity", dataset, list(plan.variants), folder=study.folder)
    elif name == "figure8":
        figure("k", dataset)


def _write_comparison(study: Study, runs: Sequence[Run], target: Path) -> None:
    """The page, the numbers behind it, and two pictures."""
    from clfer.experiments import headline
    from clfer.experiments.differs import differs
    from clfer.figures.confusion import draw_several
    from clfer.figures.curves import draw_history
    from clfer.files import replacing
    from clfer.report.words import worded_summary
    from clfer.scoring.selection import peeked
    from clfer.scoring.summary import Significance
    from clfer.training import cells as grid
    from pipeline.console import page, say
    from pipeline.params import settings

    name, there = study.data.name, {(run.variant, run.seed) for run in runs}
    summary = worded_summary(
        runs,
        evidence={name: study.evidence},
        protocol={name: study.protocol},
        settings=settings(Significance, "significance"),
    )
    histories = [(run.variant, run.seed, _history(study, run)) for run in runs]
    cells = [one for one in study.cells if (one.name, one.seed) in there]
    facts = [json.loads((grid.place(study.folder, one) / grid.CELL).read_text()) for one in cells]
    document = headline.document(
        summary["datasets"][name],
        [(variant, seed, peeked(rows)) for variant, seed, rows in histories],
        [(variant, rows) for variant, _, rows in histories],
        facts,
        [f"{one.name} {one.seed}" for one in study.cells if one not in cells],
        differs(facts[0]["recipe"], study.protocol),
        _command(),
    )
    shown = headline.markdown(name, document, target.name)
    curves: dict[str, list[pl.DataFrame]] = {}
    for variant, _, rows in histories:
        curves.setdefault(variant, []).append(rows)
    with replacing(target.with_name(f"{target.name}-curves.png")) as temporary:
        draw_history(curves, temporary)
    with replacing(target.with_name(f"{target.name}-confusions.png")) as temporary:
        draw_several(*headline.matrices(name, document), temporary)
    with replacing(target.with_name(f"{target.name}.json")) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n")
    with replacing(target.with_name(f"{target.name}.md")) as temporary:
        temporary.write_text(shown)
    page(shown)
    say([f"pictures and numbers beside it, cells in {study.folder}"], f"{target}.md")
