"""Tool figure: one of the paper's figures, drawn from what has been trained here."""

import json
from collections.abc import Sequence
from itertools import chain, product
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import typer

from clfer.errors import InputError, did_you_mean
from clfer.files import sha256, write_json
from pipeline import options, paths
from pipeline.console import say
from pipeline.params import block as block_of

# of each figure its usual variants, and the options that it takes beside --dataset and --variant
FIGURES = {
    "learning_intensity": (["baseline", "ours"], ["seed", "block"]),
    "loss": (["baseline", "ours"], ["seed"]),
    "confusion": (["baseline", "ours"], ["seed"]),
    "k": ([], []),
    "feature_maps": (["baseline", "msr", "ours"], ["seed", "images"]),
    "semantic_groups": (["baseline", "ours"], ["seed", "block", "row"]),
    "tsne": (["baseline", "ours"], ["seed"]),
}
ONE_SEED = ("feature_maps", "semantic_groups", "tsne")


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
        raise InputError(f"clfer figure has no '{name}'{did_you_mean(name, FIGURES)}")
    usual, taken = FIGURES[name]
    for option, value in {"images": images, "block": block, "row": row}.items():
        if value is not None and option not in taken:
            raise InputError(f"--{option}: expected for another figure only; found with '{name}'")

    block_of("datasets", dataset)
    from clfer.datasets import labels
    from clfer.figures.style import both
    from clfer.report.numbers import NOT_EVIDENCE
    from pipeline.drawings import DRAWINGS, Request, shared, trained

    split = paths.existing(paths.split(dataset), f"split {dataset}")
    evidence = json.loads(labels.about(split)["evidence"])
    runs = folder or paths.runs(dataset)
    cells, missing = trained(dataset, runs, variant or [], usual, seed)
    if name in ONE_SEED:
        cells = shared(cells)
    drawing = DRAWINGS[name](Request(dataset, runs, cells, images, block, row))
    variants, seeds = drawing.made_from or ([*cells], sorted({*chain(*cells.values())}))
    title = f"{drawing.title}: {dataset}"
    marked = title if evidence else f"{title} ({NOT_EVIDENCE})"
    caption = f"{drawing.caption} From {dataset}{_numbers(', seed', seeds)}."
    if not evidence:
        caption += f" {NOT_EVIDENCE.capitalize()}."
    target = paths.figure(dataset, name)
    written = both(lambda path: drawing.draw(marked, path), target)
    about: dict[str, Any] = {"name": name, "title": title, "caption": caption, "dataset": dataset}
    about |= {"variants": variants, "seeds": seeds, "evidence": evidence}
    about |= _sources(name, dataset, runs, variants, seeds)
    write_json(target.with_suffix(".json"), about)
    shown = f"{', '.join(variants)}{_numbers('; seed', seeds)}"
    lines = [*filter(None, [shown]), *missing, *drawing.notes, *wrap(caption, 78)]
    say(lines, f"figure {name}: {written[0]}, .svg, .json")


def _sources(
    name: str, dataset: str, runs: Path, variants: Sequence[str], seeds: Sequence[int]
) -> dict[str, Any]:
    """What the figure is made from: the models, or what its table says of itself."""
    if name == "k":
        table = json.loads(paths.table(dataset, "figure8").read_text(encoding="utf-8"))
        return {key: table.get(key) for key in ("sources", "recipe")}
    cells = list(product(variants, seeds))
    files = [runs / variant / str(seed) / paths.MODEL for variant, seed in cells]
    if name == "confusion":
        files += [paths.results(dataset, *cell) / "predictions.parquet" for cell in cells]
    return {"sources": {path.as_posix(): sha256(path) for path in files if path.is_file()}}


def _numbers(word: str, seeds: list[int]) -> str:
    """'; seed 0' or '; seeds 0, 1'; nothing of none."""
    return f"{word}{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}" if seeds else ""
