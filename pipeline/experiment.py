"""Tool experiment: a table or figure of the paper by name, or a comparison of variants, on any
dataset. Cells that are missing are trained in this process.
"""

import importlib
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import typer

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.experiments import clusters, headline, intensity, leakage, rule, scarcity, tables, text
from clfer.experiments.differs import differs
from clfer.experiments.plan import Plan
from clfer.experiments.result import result
from clfer.figures.confusion import draw_several
from clfer.figures.curves import draw_history
from clfer.files import replacing
from clfer.report.words import worded_summary
from clfer.scoring.grid import Run
from clfer.scoring.selection import peeked
from clfer.scoring.summary import Significance
from clfer.training import cells as grid
from clfer.training import pack as packs
from clfer.training.cell import Cell, Data
from clfer.training.cells import HISTORY
from pipeline import outputs, params, paths, stored
from pipeline.cell import cell
from pipeline.console import err, page, say, track
from pipeline.console import table as show
from pipeline.data import data
from pipeline.options import numbers, words
from pipeline.params import Run as Grid
from pipeline.params import block, settings
from pipeline.split import divide

COMPARED = ("baseline", "msr", "cl", "ours")
LEAKED = ("baseline", "ours")
NAMES = (
    "comparison",
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
    recipe: Annotated[str | None, typer.Option(help="A block of `recipes`.")] = None,
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
    if name not in NAMES:
        raise InputError(f"experiment: expected one of {', '.join(NAMES)}; found '{name}'")
    with params.overridden(set_param or []):
        block("datasets", dataset)
        prepare(dataset)
        plan = _plan(name, dataset, categories, kept, variants)
        trained = dict.fromkeys(LEAKED) if name == "leakage" else plan.variants
        if name != "leakage":
            params.replace({"variants": {**block("variants"), **plan.variants}})
        given = numbers("--seeds", seeds) if seeds else None
        chosen = given or list(plan.seeds or settings(Grid, "run").seeds)
        pairs = product(chosen, trained)
        cells = [cell(dataset, variant, seed, recipe) for seed, variant in pairs]
        cells = grid.override(cells, compiled, precision)
        there = folder or Path("cells") / dataset / (recipe or "")
        target = to or outputs.table(dataset, name).with_suffix("")
        studies = _studies(name, dataset, cells, there)
        _tell(plan, dataset, chosen)
        if pack:
            _pack(name, studies, pack)
        elif dry_run:
            _dry_run(studies)
        else:
            runs = [_runs(study, training) for study in studies]
            if name == "comparison":
                _write_comparison(studies[0], runs[0], target)
            else:
                _write(_document(name, plan, studies, runs), target)
                _draw(name, dataset, plan, there)


@dataclass(frozen=True)
class Study:
    """Cells of one split of a dataset, and the folder in which they are or shall be. duplicates:
    of the split, `split.duplicates`.
    """

    data: Data
    cells: Sequence[Cell]
    folder: Path
    split: Path
    duplicates: str

    @property
    def protocol(self) -> dict[str, Any]:
        """What a score on these cells has to be called."""
        about = labels.about(self.split)
        return {
            "labels": about["protocol"],
            "duplicates": self.duplicates,
            "selected_on": self.cells[0].recipe.select,
        }

    @property
    def evidence(self) -> bool:
        """Whether a score can say anything about a method: drawn faces can't."""
        return bool(json.loads(labels.about(self.split)["evidence"]))


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
    rows = block("variants")
    if name == "comparison":
        chosen = words("--variants", variants, list(rows)) if variants else COMPARED
        return tables.comparison(rows, chosen)
    if name == "leakage":
        return leakage.plan(LEAKED)
    if name in ("table3", "figure8"):
        classes = labels.classes(stored.table(paths.split(dataset), f"split {dataset}", ("label",)))
        if name == "figure8":
            plan = tables.figure8(rows, classes)
        else:
            named = words("--categories", categories, classes) if categories else classes
            plan = scarcity.table3(rows, classes, named, numbers("--kept", kept))
    else:
        plan = getattr(tables, name)(rows)
    return plan.only(words("--variants", variants, list(plan.variants))) if variants else plan


def _studies(name: str, dataset: str, cells: Sequence[Cell], there: Path) -> list[Study]:
    """One, or for `leakage` that with copies kept and that with copies dropped."""
    own = block("split", "duplicates")
    found = []
    for duplicates in ("keep", "drop") if name == "leakage" else (own,):
        split, folder = paths.split(dataset), there
        if duplicates != own:
            split = split.with_name(f"{dataset}-{duplicates}.parquet")
            folder = there / f"duplicates-{duplicates}"
            divide(dataset, split, duplicates)
        found.append(Study(data(dataset, split), cells, folder, split, duplicates))
    return found


def _tell(plan: Plan, dataset: str, seeds: Sequence[int]) -> None:
    """What is going to be trained, on standard output."""
    rows = {row.variant: row.label for row in plan.rows if row.variant}
    show(
        f"{plan.title}, on {dataset}: {len(rows)} variants x {len(seeds)} seeds "
        f"({', '.join(map(str, seeds))})",
        ["variant", *plan.columns],
        [[variant, *label] for variant, label in rows.items()],
    )


def _dry_run(studies: Sequence[Study]) -> None:
    """Which cells would be trained."""
    absent = [
        f"{study.folder / one.name / str(one.seed)}"
        for study in studies
        for one in grid.missing(study.cells, study.data, study.folder)
    ]
    total = sum(len(study.cells) for study in studies)
    say(absent, f"{len(absent)} of {total} cells would be trained")


def _pack(name: str, studies: Sequence[Study], folder: Path) -> None:
    """The files that `python -m clfer.training` reads, for each study a folder."""
    for study in studies:
        place = folder / study.duplicates if len(studies) > 1 else folder
        packs.write(study.data, study.cells, paths.faces(study.data.name), place)
        lines = [
            f"train them by `python -m clfer.training {place} CELLS`",
            "then say the same command with `--cells CELLS --no-train` instead of --pack",
        ]
        say(lines, f"{len(study.cells)} cells to train: {place}")


def _runs(study: Study, training: bool) -> list[Run]:
    """The predictions of the cells that are there, after training those that are not."""
    if training:
        write = partial(err.print, highlight=False)
        grid.train_cells(study.cells, study.data, study.folder, track=track, say=write)
    absent = grid.missing(study.cells, study.data, study.folder, training)
    if len(absent) == len(study.cells):
        raise InputError(
            f"{study.folder}: expected cells of this experiment, found none; leave out --no-train"
        )
    split = stored.table(study.split, f"split {study.data.name}")
    test = split.filter(pl.col("split") == "test").sort("row")
    return [_run(one, study, test) for one in study.cells if one not in absent]


def _run(one: Cell, study: Study, test: pl.DataFrame) -> Run:
    """A cell's predictions as `evaluate` writes them. InputError where they are of other images."""
    path, classes = grid.folder_of(study.folder, one) / grid.PREDICTIONS, study.data.classes
    with packs.undamaged(path), np.load(path) as found:
        probability = found["test"]
    if probability.shape != (len(test), len(classes)):
        raise InputError(
            f"{path}: expected {len(test)} test images of {len(classes)} classes, found "
            f"{probability.shape}; delete the cell and train it again"
        )
    if probability.dtype == np.float16:  # cells of before code version 1
        probability = probability.astype(np.float32)
        probability /= probability.sum(axis=1, keepdims=True)
    predicted = [classes[i] for i in probability.argmax(1)]
    table = test.select("row", "group", "unique", "label", "target").with_columns(
        pl.Series("probability", probability, pl.Array(pl.Float32, len(classes))),
        pl.Series("predicted", predicted).cast(pl.Enum(classes)),
    )
    return Run(study.data.name, one.name, one.seed, table)


def _history(study: Study, one: Cell | Run) -> pl.DataFrame:
    name = one.name if isinstance(one, Cell) else one.variant
    return stored.table(study.folder / name / str(one.seed) / HISTORY, "experiment")


def _document(
    name: str, plan: Plan, studies: Sequence[Study], runs: Sequence[Sequence[Run]]
) -> dict[str, Any]:
    """The table from its cells, with what some tables say beyond the accuracies."""
    alpha = block("significance", "alpha")
    if name == "leakage":
        entries = leakage.results(plan, runs[0], runs[1], alpha)
    else:
        entries = result(plan, runs[0], alpha)
    more: dict[str, Any] = {}
    study = studies[-1]
    match name:
        case "table8":
            more = {"more": rule.said(study.data.name, entries[0]["accuracy"])}
        case "figure5":
            histories = [(run.variant, _history(study, run)) for run in runs[0]]
            more = {"beside": intensity.columns(plan, histories)}
        case "figure8":
            more = {"points": clusters.points(entries)}
    facts = {
        "evidence": study.evidence,
        "selected_on": study.protocol["selected_on"],
        "differs": differs(study.cells[-1].recipe.model_dump(), study.protocol),
        "command": shlex.join(["clfer", *sys.argv[1:]]),
    }
    return text.document(name, plan, study.data.name, entries, {**facts, **more})


def _write(document: dict[str, Any], target: Path) -> None:
    """The three files of a table, each whole or not at all, and the table on the terminal."""
    shown = text.markdown(document)
    files = {
        ".md": shown,
        ".csv": text.as_csv(document),
        ".json": json.dumps(document, indent=2) + "\n",
    }
    for suffix, content in files.items():
        with replacing(target.with_name(target.name + suffix)) as temporary:
            temporary.write_text(content)
    page(shown)
    say([f"also as {target}.csv and .json"], f"{target}.md")


def _draw(name: str, dataset: str, plan: Plan, there: Path) -> None:
    """The figure that belongs to the table, if one does."""
    from pipeline.figure import figure

    if name == "figure5":
        figure("learning_intensity", dataset, list(plan.variants), folder=there)
    elif name == "figure8":
        figure("k", dataset)


def _write_comparison(study: Study, runs: Sequence[Run], target: Path) -> None:
    """The page, the numbers behind it, and two pictures."""
    name, cells = study.data.name, [one for one in study.cells if _is_among(one, runs)]
    summary = worded_summary(
        runs,
        evidence={name: study.evidence},
        protocol={name: study.protocol},
        settings=settings(Significance, "significance"),
    )
    histories = [_history(study, one) for one in cells]
    facts = [
        json.loads((grid.folder_of(study.folder, one) / grid.CELL).read_text()) for one in cells
    ]
    document = headline.document(
        summary["datasets"][name],
        [(one.name, one.seed, peeked(h)) for one, h in zip(cells, histories, strict=True)],
        [(one.name, h) for one, h in zip(cells, histories, strict=True)],
        facts,
        [f"{one.name} {one.seed}" for one in study.cells if one not in cells],
        differs(facts[0]["recipe"], study.protocol),
        shlex.join(["clfer", *sys.argv[1:]]),
    )
    shown = headline.markdown(name, document, target.name)
    curves: dict[str, list[pl.DataFrame]] = {}
    for run, one in zip(runs, histories, strict=True):
        curves.setdefault(run.variant, []).append(one)
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


def _is_among(one: Cell, runs: Sequence[Run]) -> bool:
    return any((run.variant, run.seed) == (one.name, one.seed) for run in runs)
