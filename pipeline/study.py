"""The cells of an experiment: trained here or elsewhere, tabulated and drawn."""

import json
import shlex
import sys
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.figures.confusion import draw_several
from clfer.figures.curves import draw_history
from clfer.files import replacing, write_json, write_text
from clfer.model.network import noise_loss
from clfer.paper.result import leakage_result, result
from clfer.paper.tables import Plan
from clfer.report import comparison
from clfer.report import experiment as text
from clfer.report.published import Ours, from_paper
from clfer.report.verdicts import summary_with_verdicts
from clfer.scoring.grid import Run
from clfer.scoring.scores import predicted
from clfer.scoring.selection import selection_gap
from clfer.scoring.summary import Significance
from clfer.training import cells as grid
from clfer.training import pack as packs
from clfer.training.cell import Cell, Data
from pipeline import paths, stored
from pipeline.cell import data
from pipeline.console import err, page, say, track
from pipeline.figure import figure
from pipeline.params import block, settings
from pipeline.split import divide


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


def studies(name: str, dataset: str, cells: Sequence[Cell], there: Path) -> list[Study]:
    """One, or for `leakage` that with copies kept and that with copies dropped."""
    own = block("split", "duplicates")
    found = []
    for duplicates in ("keep", "drop") if name == "leakage" else (own,):
        split, folder = paths.split(dataset), there
        if duplicates != own:
            split = split.with_name(f"{dataset}-{duplicates}.parquet")
            folder = there / f"duplicates-{duplicates}"
            divide(dataset, split, duplicates)
        called = stored.protocol(labels.about(split), duplicates, cells[0].recipe.select)
        found.append(Study(data(dataset, split), cells, folder, split, *called))
    return found


def print_missing(studies: Sequence[Study]) -> None:
    absent = [
        f"{study.folder / one.name / str(one.seed)}"
        for study in studies
        for one in grid.missing(study.cells, study.data, study.folder)
    ]
    total = sum(len(study.cells) for study in studies)
    say(absent, f"{len(absent)} of {total} cells would be trained")


def pack(studies: Sequence[Study], folder: Path) -> None:
    """The files that `python -m clfer.training` reads, for each study a folder."""
    for study in studies:
        place = folder / study.protocol["duplicates"] if len(studies) > 1 else folder
        packs.write(study.data, study.cells, paths.faces(study.data.name), place)
        lines = [
            f"train them by `python -m clfer.training {place} CELLS`",
            "then say the same command with `--cells CELLS --no-train` instead of --pack",
        ]
        say(lines, f"{len(study.cells)} cells to train: {place}")


def runs_of(study: Study, training: bool) -> list[Run]:
    """The predictions of the cells that are there, after training those that are not."""
    if training:
        write = partial(err.print, highlight=False)
        grid.train_cells(study.cells, study.data, study.folder, track=track, say=write)
    absent = grid.missing(study.cells, study.data, study.folder, training)
    if len(absent) == len(study.cells):
        raise InputError(
            f"{study.folder}: expected cells of this experiment, found none; leave out --no-train"
        )
    test = stored.tested(stored.table(study.split, f"split {study.data.name}"))
    return [_run(one, study, test) for one in study.cells if one not in absent]


def _run(one: Cell, study: Study, test: pl.DataFrame) -> Run:
    """A cell's predictions as `evaluate` writes them. InputError where they are of other images."""
    path, classes = grid.folder_of(study.folder, one) / grid.PREDICTIONS, study.data.classes
    for part in (path, path.with_name(grid.HISTORY)):
        if not part.exists():
            raise InputError(f"{part} is missing; delete the cell and train it again")
    with packs.undamaged(path), np.load(path) as arrays:
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
    folder = study.folder / run.variant / str(run.seed)
    return stored.table(folder / paths.HISTORY, "experiment")


def command() -> str:
    return shlex.join(["clfer", *sys.argv[1:]])


def beside(target: Path, ending: str) -> Path:
    return target.with_name(target.name + ending)


def publish(shown: str, document: dict[str, Any], target: Path, also: str, indent: int = 2) -> None:
    """Write a page as .md and its numbers as .json, and print it. also: what else there is."""
    write_json(beside(target, ".json"), document, indent)
    write_text(beside(target, ".md"), shown)
    page(shown)
    say([also], f"{target}.md")


def _differences(plan: Plan, study: Study, runs: Sequence[Run]) -> list[str]:
    """What the runs do otherwise than the paper's, beside what the rows of the table are about."""
    recipes = []
    for one in study.cells:
        own = plan.variants.get(one.name, {}).get("recipe", {})
        settings = one.recipe.model_dump().items()
        recipes.append({key: value for key, value in settings if key not in own})
    images, classes = len(runs[0].predictions), len(study.data.classes)
    selected_on = study.protocol["selected_on"]
    return from_paper(Ours(study.data.name, images, classes, study.protocol, selected_on), recipes)


def write_table(
    plan: Plan, studies: Sequence[Study], runs: Sequence[Sequence[Run]], target: Path
) -> None:
    """A table as .md, .csv and .json, with what some say beyond the accuracies, and its figure."""
    if plan.name == "leakage":
        entries = leakage_result(plan, runs[0], runs[1])
    else:
        entries = result(plan, runs[0])
    study = studies[-1]
    dataset = study.data.name
    facts: dict[str, Any] = {
        "evidence": study.evidence,
        "selected_on": study.protocol["selected_on"],
        "differs": [
            *_differences(plan, study, runs[-1]),
            f"labels here: {study.protocol['labels']}",
        ],
        "command": command(),
    }
    there = [{(run.variant, run.seed) for run in some} for some in runs]
    absent = [
        f"{one.name} {one.seed}"
        for one, cells in product(study.cells, there)
        if (one.name, one.seed) not in cells
    ]
    facts["more"] = [f"Not trained yet: {', '.join(dict.fromkeys(absent))}."] if absent else []
    if plan.name == "table8":
        facts["more"] += text.rule_sentences(dataset, entries[0]["accuracy"])
    elif plan.name == "figure5":
        histories = [(run.variant, _history(study, run)) for run in runs[0]]
        facts["beside"] = text.intensity_columns(plan, histories)
    elif plan.name == "figure8":
        facts["points"] = text.cluster_points(entries)
    recipes = [one.recipe.model_dump() for one in study.cells]
    shared = {k: v for k, v in recipes[0].items() if all(one[k] == v for one in recipes)}
    document = {
        **text.document(plan, dataset, entries, facts),
        "recipe": shared,
        "sources": {study.split.as_posix(): study.data.sources["split_sha256"]},
    }
    write_text(beside(target, ".csv"), text.as_csv(document))
    publish(text.markdown(document), document, target, f"also as {target}.csv and .json")
    if plan.name == "figure5":
        figure("learning_intensity", dataset, list(plan.variants), folder=study.folder)
    elif plan.name == "figure8":
        figure("k", dataset)


def write_comparison(study: Study, runs: Sequence[Run], target: Path) -> None:
    """The page, the numbers behind it, and two pictures."""
    name, there = study.data.name, {(run.variant, run.seed) for run in runs}
    cells = [one for one in study.cells if (one.name, one.seed) in there]
    histories = [_history(study, run) for run in runs]
    facts = [
        json.loads((grid.folder_of(study.folder, one) / grid.CELL).read_text(encoding="utf-8"))
        for one in cells
    ]
    recipes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for fact in facts:
        recipes[fact["variant"]].append(fact["recipe"])
    summary = summary_with_verdicts(
        runs,
        evidence={name: study.evidence},
        protocol={name: study.protocol},
        settings=settings(Significance, "significance"),
        recipes={name: recipes},
        planned=len({one.name for one in study.cells}) - 1,
    )
    recipe = cells[0].recipe
    noise = {
        one.name: noise_loss(recipe.backbone, recipe.stem, recipe.crop, one.variant)
        for one in {cell.name: cell for cell in cells}.values()
    }
    document = comparison.document(
        summary["datasets"][name],
        [(fact, h, selection_gap(h)) for fact, h in zip(facts, histories, strict=True)],
        noise,
        [f"{one.name} {one.seed}" for one in study.cells if one not in cells],
        command(),
    )
    curves: dict[str, list[pl.DataFrame]] = defaultdict(list)
    for run, history in zip(runs, histories, strict=True):
        curves[run.variant].append(history)
    with replacing(beside(target, "-curves.png")) as temporary:
        draw_history(curves, temporary)
    with replacing(beside(target, "-confusions.png")) as temporary:
        draw_several(*comparison.confusions(name, document), temporary)
    also = f"pictures and numbers beside it, cells in {study.folder}"
    publish(comparison.page(name, document, target.name), document, target, also, indent=1)
