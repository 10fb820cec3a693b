"""Tool figure: one of the paper's figures, drawn from what has been trained here."""

import difflib
import importlib
import json
from pathlib import Path
from textwrap import wrap
from typing import Annotated

import typer

from clfer.datasets import labels
from clfer.errors import InputError
from clfer.figures.style import NOT_EVIDENCE, both
from clfer.files import replacing
from pipeline import options, paths
from pipeline.console import say
from pipeline.figures.request import Drawing, Request
from pipeline.params import block as block_of

# The module of each, and which options it minds beside --dataset, --variant and --seed.
FIGURES = {
    "learning_intensity": ("curves", {"block"}),
    "loss": ("curves", set()),
    "confusion": ("scores", set()),
    "k": ("scores", set()),
    "feature_maps": ("maps", {"images"}),
    "semantic_groups": ("maps", {"block", "row"}),
    "tsne": ("features", set()),
}


def figure(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="One of the list above.", autocompletion=lambda: [*FIGURES]
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            metavar="DATASET",
            help=f"Whose runs are drawn: {options.LISTED}.",
            autocompletion=options.DATASETS,
        ),
    ],
    variant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="VARIANT",
            help="Once for each; default: the paper's.",
            autocompletion=options.VARIANTS,
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Default: all, or one that all have.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="How many faces.")] = None,
    block: Annotated[int | None, typer.Option(min=1, help="A block, the shallowest is 1.")] = None,
    row: Annotated[int | None, typer.Option(min=0, help="A validation face by its row.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--cells", help="Where the models are; default runs/DATASET.")
    ] = None,
) -> None:
    """Draw a figure of the paper from models trained here.

    - learning_intensity: gradients by block and semantic group (1a, 5; --block)
    - loss: training and validation loss (12)
    - confusion: confusion matrices on the test images (6)
    - k: accuracy against the number of clusters (8)
    - feature_maps: where blocks respond on some faces (7, 11; --images)
    - semantic_groups: channels by group on a face (10; --block, --row)
    - tsne: features of the faces over training (9)

    Numbers in brackets are the paper's figures. Writes figures/DATASET/NAME.png, the same as .svg,
    and its caption as .json.
    """
    if name not in FIGURES:
        close = difflib.get_close_matches(name, FIGURES, n=1)
        hint = f"did you mean '{close[0]}'?" if close else f"expected one of: {', '.join(FIGURES)}"
        raise InputError(f"clfer figure has no '{name}'; {hint}")
    module, minded = FIGURES[name]
    given = {"images": images, "block": block, "row": row}
    for option, value in given.items():
        if value is not None and option not in minded:
            raise InputError(f"--{option}: expected for another figure only; found with '{name}'")
    block_of("datasets", dataset)
    split = paths.existing(paths.split(dataset), f"split {dataset}")
    evidence = json.loads(labels.about(split)["evidence"])
    runs = folder or paths.runs(dataset)
    request = Request(dataset, variant or [], seed, images, block, row, runs)
    drawing: Drawing = getattr(importlib.import_module(f"pipeline.figures.{module}"), name)(request)
    title = f"{drawing.title}: {dataset}"
    marked = title if evidence else f"{title} ({NOT_EVIDENCE})"
    caption = f"{drawing.caption} From {dataset}{_numbers(', seed', drawing.seeds)}."
    if not evidence:
        caption += f" {NOT_EVIDENCE.capitalize()}."
    target = paths.figure(dataset, name)
    written = both(lambda path: drawing.draw(marked, path), target)
    about = {
        "name": name,
        "title": title,
        "caption": caption,
        "dataset": dataset,
        "variants": drawing.variants,
        "seeds": drawing.seeds,
        "evidence": evidence,
    }
    with replacing(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")
    shown = f"{', '.join(drawing.variants)}{_numbers('; seed', drawing.seeds)}"
    lines = [*filter(None, [shown]), *drawing.notes, *wrap(caption, 78)]
    say(lines, f"figure {name}: {written[0]}, .svg, .json")


def _numbers(word: str, seeds: list[int]) -> str:
    """'; seed 0' or '; seeds 0, 1'; nothing of none."""
    return f"{word}{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""
