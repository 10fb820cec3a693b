"""Tool experiment: a table or figure of the paper by name, or a comparison of variants, on any
dataset. Cells that are missing are trained in this process.
"""

from __future__ import annotations

import importlib
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from clfer.errors import InputError
from pipeline import options, params, paths
from pipeline.console import table
from pipeline.params import block, settings

if TYPE_CHECKING:
    from clfer.paper.tables import Plan

NAMES = (
    *("comparison", "table2", "table3", "table4", "table5", "table6", "table7", "table8"),
    *("figure5", "figure8", "leakage", "transduction"),
)
COMPARISONS = ("comparison", "transduction")


def experiment(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help=f"One of {', '.join(NAMES)}.", autocompletion=lambda: [*NAMES]
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
    orders: Annotated[
        str, typer.Option(help="transduction: of the test images.")
    ] = "shuffled,file,sorted,reversed,alone",
    batches: Annotated[str, typer.Option(help="transduction: sizes of a batch.")] = "64,256",
    like: Annotated[
        Path | None,
        typer.Option(help="transduction: RAF-DB's list, whose class order to follow."),
    ] = None,
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
        typer.Option(help="Only write there what `python -m clfer.training` needs."),
    ] = None,
    submit: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="Train them as jobs of a cluster (docs/scaling.md)."),
    ] = None,
    training: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the cells that are missing.")
    ] = True,
    compiled: Annotated[bool, typer.Option("--compile", help="Set train.compile.")] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"] | None, typer.Option(help="In place of train.precision.")
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Show what would be trained.")] = False,
) -> None:
    """Train the missing cells of a table or figure of the paper, and write it.

    `comparison` compares variants by every score and test, with curves and confusion matrices;
    `transduction` says what they would score if each image got the mean of its batch added.
    """
    options.check_among("experiment", name, NAMES)
    listed = options.numbers("--seeds", seeds) if seeds else None
    if name == "transduction":
        from clfer.scoring.transduction import ORDERS

        chosen_orders = options.words("--orders", orders, ORDERS)
        sizes = tuple(options.numbers("--batches", batches))
        if 0 in sizes:
            raise InputError(f"--batches: expected sizes of 1 or more; found '{batches}'")
    with params.overridden(set_param or []):
        params.check_there("datasets", dataset)
        if recipe:
            params.check_there("recipes", recipe)
        if name in COMPARISONS and variants:
            options.words("--variants", variants, [*params.block("variants")])

        from clfer.report.experiment import texts
        from clfer.training.cells import override
        from pipeline import study
        from pipeline.cell import cell

        prepare(dataset)
        plan = _plan(name, dataset, categories, kept, variants)
        trained = [*plan.variants]
        if name == "leakage":  # its rows are of one variant, with copies and without
            trained = [*dict.fromkeys(row.label[1] for row in plan.rows)]
        else:
            params.replace({"variants": {**params.block("variants"), **plan.variants}})
        chosen = listed or list(plan.seeds or params.settings(params.Run, "run").seeds)
        cells = [cell(dataset, one, seed, recipe) for seed, one in product(chosen, trained)]
        cells = override(cells, compiled, precision)
        there = folder or Path("cells") / dataset / (recipe or "")
        studies = study.studies(name, dataset, cells, there)
        rows = {row.variant: row.label for row in plan.rows if row.variant}
        size = f"{len(rows)} variants x {len(chosen)} seeds ({', '.join(map(str, chosen))})"
        about = texts(plan.name)
        heads, lines = about["columns"], [*rows.values()]
        if "variant" not in heads:
            heads, lines = ["variant", *heads], [(one, *label) for one, label in rows.items()]
        table(f"{about['title']}, on {dataset}: {size}", heads, lines)
        if dry_run:
            study.print_missing(studies)
            return
        if pack:
            study.pack(studies, pack)
            return
        if submit and training:
            from pipeline.submit import submit as all_there

            if not all_there(studies, submit):
                return
        runs = [study.runs_of(one, training) for one in studies]
        target = to or paths.table(dataset, name).with_suffix("")
        if name == "transduction":
            from pipeline.transduction import write_transduction

            write_transduction(studies[0], chosen_orders, sizes, like, target)
        elif name == "comparison":
            study.write_comparison(studies[0], runs[0], target)
        else:
            study.write_table(plan, studies, runs, target)


def prepare(dataset: str) -> None:
    """Run those stages before training whose files are not there."""
    if paths.split(dataset).exists():
        return
    places = (paths.raw, paths.labels, paths.faces, paths.split)
    for stage, place in zip(("download", "relabel", "align", "split"), places, strict=True):
        if not place(dataset).exists():
            getattr(importlib.import_module(f"pipeline.{stage}"), stage)(dataset)


def _plan(name: str, dataset: str, categories: str | None, kept: str, variants: str | None) -> Plan:
    """The plan of that name, for the classes of the dataset where it needs them."""
    from clfer.datasets import labels
    from clfer.paper import tables
    from clfer.scoring.summary import Significance
    from pipeline import stored
    from pipeline.significance import check_baseline

    rows = block("variants")
    if name in COMPARISONS:
        chosen = options.words("--variants", variants, list(rows)) if variants else tables.COMPARED
        check_baseline(settings(Significance, "significance").baseline, chosen)
        return tables.comparison(rows, chosen)
    if name == "leakage":
        return tables.leakage(
            options.words("--variants", variants, list(rows)) if variants else tables.LEAKED
        )
    if name in ("table3", "figure8"):
        classes = labels.classes(stored.table(paths.split(dataset), f"split {dataset}", ("label",)))
        if name == "figure8":
            plan = tables.figure8(rows, classes)
        else:
            named = options.words("--categories", categories, classes) if categories else classes
            plan = tables.table3(rows, named, options.numbers("--kept", kept))
    else:
        plan = getattr(tables, name)(rows)
    if not variants:
        return plan
    return plan.only(options.words("--variants", variants, list(plan.variants)))
