"""Tool grid: variants and seeds in one process, with everything that is said about them."""

import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
import typer

from clfer.cells import plan as cells
from clfer.cells.results import HISTORY, PREDICTIONS
from clfer.cells.training import train_cells
from clfer.datasets import labels
from clfer.errors import InputError
from clfer.experiments import headline
from clfer.experiments.differs import differs
from clfer.figures import confusion
from clfer.figures.curves import draw_history
from clfer.files import replacing, sha256
from clfer.scoring.grid import Run
from clfer.scoring.marks import VAL
from clfer.scoring.selection import peeked
from clfer.scoring.summary import Significance, summarise
from clfer.training.examples import Faces
from clfer.training.recipe import Recipe
from pipeline import cell, paths, stored
from pipeline.console import page, say, track
from pipeline.data import cached, device, examples
from pipeline.options import numbers, words
from pipeline.params import block, settings

Plan = dict[str, Any]


def grid(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    recipe: Annotated[str | None, typer.Option(help="A block of `recipes`.")] = None,
    variants: Annotated[str, typer.Option(help="Rows of `variants`.")] = "baseline,msr,cl,ours",
    seeds: Annotated[str, typer.Option(help="Such as 0,1,2 or 0-9.")] = "0-4",
    where: Annotated[
        Path | None,
        typer.Option("--cells", help="Where the cells are; default cells/DATASET/RECIPE."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="What to write, without suffix; default grid beside the cells."),
    ] = None,
    pack: Annotated[
        Path | None, typer.Option(help="Only put there what `python -m clfer.cells` trains from.")
    ] = None,
    training: Annotated[
        bool, typer.Option("--train/--no-train", help="Train the cells that are missing.")
    ] = True,
    compiled: Annotated[bool, typer.Option("--compile", help="With train.compile.")] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"] | None, typer.Option(help="In place of train.precision.")
    ] = None,
) -> None:
    """Train the cells of a grid that are not there yet, and write their scores, tests and curves.

    The epoch is chosen on validation images; the test images are looked at beside, so that what
    choosing on them would add can be told.
    """
    chosen = words("--variants", variants, list(block("variants")))
    cases = [(v, seed) for seed, v in product(numbers("--seeds", seeds), chosen)]
    plan = _plan(name, recipe, cases)
    if pack:
        _pack(name, plan, pack)
        return
    there = where or Path("cells") / name / (recipe or "")
    if training and cells.missing(plan, there):
        _train(name, plan, there, compiled, precision)
    absent = cells.missing(plan, there)
    found = [one for one in plan["cells"] if one not in absent]
    if not found:
        raise InputError(f"{there}: expected cells of the grid, found none; leave out --no-train")
    _write(name, plan, found, absent, there, to or there / "grid")


def _plan(name: str, recipe: str | None, cases: Sequence[tuple[str, int]]) -> Plan:
    """What shall be trained, as `clfer.cells` reads it."""
    over = block("recipes", recipe) if recipe else {}
    split = stored.table(paths.split(name), f"split {name}", ("label",))
    return {
        "dataset": name,
        "classes": list(labels.classes(split)),
        "cut": cell.cut(name).model_dump(mode="json"),
        "cells": [_cell(name, over, variant, seed) for variant, seed in cases],
        "sources": {
            "split_sha256": sha256(paths.split(name)),
            "faces_sha256": sha256(paths.existing(paths.faces(name), f"align {name}")),
        },
    }


def _cell(dataset: str, over: Mapping[str, Any], variant: str, seed: int) -> dict[str, Any]:
    """The settings of one cell. InputError where it would choose its epoch on the test images."""
    own = {
        **block("datasets", dataset, "recipe"),
        **over,
        **block("variants", variant).get("recipe", {}),
    }
    recipe = settings(Recipe, "train", over=own)
    if recipe.select != VAL:
        raise InputError(
            f"train.select: expected {VAL}, since both choices of the epoch are told from one "
            f"training; found {recipe.select}"
        )
    return {
        "variant": variant,
        "seed": seed,
        "modules": cell.variant(variant).model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
    }


def _pack(name: str, plan: Plan, folder: Path) -> None:
    """The three files that `clfer.cells` reads."""
    split, _ = cached(name)
    arrays: dict[str, Any] = {
        f"{part}_{column}": getattr(one, column).numpy()
        for part, one in ((part, examples(split, part)) for part in cells.PARTS)
        for column in cells.COLUMNS
    }
    with replacing(folder / cells.FACES) as temporary:
        shutil.copyfile(paths.faces(name), temporary)
    with replacing(folder / cells.SPLITS) as temporary:
        np.savez_compressed(temporary, **arrays)
    with replacing(folder / cells.PLAN) as temporary:
        temporary.write_text(json.dumps(plan, indent=1) + "\n")
    lines = [
        f"train them by `python -m clfer.cells {folder} CELLS`",
        "then say the same command with `--cells CELLS --no-train` instead of --pack",
    ]
    say(lines, f"{len(plan['cells'])} cells to train: {folder}")


def _train(name: str, plan: Plan, there: Path, compiled: bool, precision: str | None) -> None:
    """The cells that are missing, here and now."""
    split, pixels = cached(name)
    faces = Faces(pixels, device(), memory=8.0)
    splits = {part: examples(split, part) for part in cells.PARTS}
    pack = cells.sped(cells.Pack(faces, splits, plan), compiled, precision)
    train_cells(pack, there, float("inf"), track)


def _write(
    name: str,
    plan: Plan,
    found: Sequence[Mapping[str, Any]],
    absent: Sequence[Mapping[str, Any]],
    there: Path,
    to: Path,
) -> None:
    """The page, the numbers behind it, and two pictures."""
    about = labels.about(paths.split(name))
    protocol = {
        "labels": about["protocol"],
        "duplicates": block("split", "duplicates"),
        "selected_on": VAL,
    }
    split = stored.table(paths.split(name), f"split {name}")
    test = split.filter(pl.col("split") == "test").sort("row")
    runs = [_run(name, test, plan["classes"], one, there) for one in found]
    again = f"grid {name}"
    histories = [stored.table(cells.place(there, one) / HISTORY, again) for one in found]
    summary = summarise(
        runs,
        evidence={name: json.loads(about["evidence"])},
        protocol={name: protocol},
        settings=settings(Significance, "significance"),
    )
    facts = [json.loads((cells.place(there, one) / cells.CELL).read_text()) for one in found]
    paired = list(zip(runs, histories, strict=True))
    document = headline.document(
        summary["datasets"][name],
        [(run.variant, run.seed, peeked(one)) for run, one in paired],
        [(run.variant, one) for run, one in paired],
        facts,
        [f"{one['variant']} {one['seed']}" for one in absent],
        differs(found[0]["recipe"], protocol),
        shlex.join(["clfer", *sys.argv[1:]]),
    )
    text = headline.markdown(name, document, to.name)
    curves: dict[str, list[pl.DataFrame]] = {}
    for run, one in paired:
        curves.setdefault(run.variant, []).append(one)
    with replacing(to.with_name(f"{to.name}-curves.png")) as temporary:
        draw_history(curves, temporary)
    with replacing(to.with_name(f"{to.name}-confusions.png")) as temporary:
        confusion.draw_several(*headline.matrices(name, document), temporary)
    with replacing(to.with_name(f"{to.name}.json")) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n")
    with replacing(to.with_name(f"{to.name}.md")) as temporary:
        temporary.write_text(text)
    page(text)
    say([f"pictures and numbers beside it, cells in {there}"], f"grid {name}: {to}.md")


def _run(
    dataset: str, test: pl.DataFrame, classes: Sequence[str], one: Mapping[str, Any], there: Path
) -> Run:
    """A cell's predictions as `evaluate` writes them. InputError where they are of other images."""
    path = cells.place(there, one) / PREDICTIONS
    with cells.whole(path), np.load(path) as found:
        probability = found["test"].astype(np.float32)
    if probability.shape != (len(test), len(classes)):
        raise InputError(
            f"{path}: expected {len(test)} test images of {len(classes)} classes, found "
            f"{probability.shape}; delete the cell and train it again"
        )
    probability /= probability.sum(axis=1, keepdims=True)
    names = [classes[i] for i in probability.argmax(1)]
    predictions = test.select("row", "group", "unique", "label", "target").with_columns(
        pl.Series("probability", probability, pl.Array(pl.Float32, len(classes))),
        pl.Series("predicted", names).cast(pl.Enum(classes)),
    )
    return Run(dataset, one["variant"], one["seed"], predictions)
