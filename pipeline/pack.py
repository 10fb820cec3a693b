"""Tool pack: what a grid is trained from, in a folder for a machine without the pipeline."""

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from clfer import cells
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.labels import classes
from pipeline import cell, paths
from pipeline.console import say
from pipeline.data import cached, examples
from pipeline.listed import numbers, words
from pipeline.params import block


def pack(
    name: Annotated[str, typer.Argument(metavar="DATASET")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to put it.")],
    variants: Annotated[str, typer.Option(help="Rows of `variants`.")] = "baseline,msr,cl,ours",
    seeds: Annotated[str, typer.Option(help="Such as 0,1,2 or 0-9.")] = "0-4",
) -> None:
    """Write the faces, the splits and the settings of a grid for `python -m clfer.cells`."""
    chosen = words("--variants", variants, list(block("variants")))
    grid = list(product(numbers("--seeds", seeds), chosen))
    plan = [_cell(name, variant, seed) for seed, variant in grid]
    split, _ = cached(name)
    found = {part: examples(split, part) for part in cells.PARTS}
    about = {
        "dataset": name,
        "classes": classes(split),
        "cells": plan,
        "sources": {
            "split_sha256": sha256(paths.split(name)),
            "faces_sha256": sha256(paths.faces(name)),
        },
    }
    with replacing(folder / cells.FACES) as temporary:
        shutil.copyfile(paths.faces(name), temporary)
    with replacing(folder / cells.SPLITS) as temporary:
        np.savez_compressed(
            temporary,
            **{
                f"{part}_{column}": getattr(one, column).numpy()
                for part, one in found.items()
                for column in ("face", "label", "target")
            },
        )
    with replacing(folder / cells.PLAN) as temporary:
        temporary.write_text(json.dumps(about, indent=1) + "\n")
    say([f"train them with `python -m clfer.cells {folder} OUT`"], f"{len(plan)} cells: {folder}")


def _cell(dataset: str, variant: str, seed: int) -> dict[str, Any]:
    """The settings of one cell. InputError where it would look at the test images to choose."""
    recipe = cell.recipe(dataset, variant)
    if recipe.select != "val":
        raise InputError(f"train.select: expected val for a pack, found {recipe.select}")
    return {
        "variant": variant,
        "seed": seed,
        "modules": cell.variant(variant).model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
    }
