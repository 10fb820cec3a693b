"""Tool figure: one of the paper's figures, drawn from what has been trained here."""

import difflib
import importlib
import json
from typing import Annotated

import typer

from clfer import labels
from clfer.errors import InputError
from clfer.figures.page import NOT_EVIDENCE, both
from clfer.files import replacing
from pipeline import paths
from pipeline.console import say
from pipeline.figures.request import Drawing, Request

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
    name: Annotated[str, typer.Argument(metavar="NAME", help=", ".join(FIGURES))],
    dataset: Annotated[str, typer.Option(metavar="DATASET", help="Whose runs are drawn.")],
    variant: Annotated[
        list[str] | None,
        typer.Option(metavar="VARIANT", help="Once for each; default: those of the paper."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="One seed; default: all, or the first that all have.")
    ] = None,
    images: Annotated[int | None, typer.Option(min=1, help="How many faces.")] = None,
    block: Annotated[int | None, typer.Option(min=1, help="A block, the shallowest is 1.")] = None,
    row: Annotated[int | None, typer.Option(min=0, help="A validation face by its row.")] = None,
) -> None:
    """Draw a figure of the paper from models trained here, as PNG and SVG.

    learning_intensity: Fig. 1a, 5. loss: Fig. 12. confusion: Fig. 6. k: Fig. 8, of `clfer
    experiment figure8`. feature_maps: Fig. 7, 11. semantic_groups: Fig. 10. tsne: Fig. 9.
    Writes figures/DATASET/NAME.png, .svg and .json, which holds the caption.
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
    evidence = json.loads(
        labels.about(paths.existing(paths.split(dataset), f"split {dataset}"))["evidence"]
    )
    request = Request(dataset, variant or [], seed, images, block, row)
    drawing: Drawing = getattr(importlib.import_module(f"pipeline.figures.{module}"), name)(request)
    title = f"{drawing.title}: {dataset}"
    marked = title if evidence else f"{title} ({NOT_EVIDENCE})"
    target = paths.figure(dataset, name)
    written = both(lambda path: drawing.draw(marked, path), target)
    about = {
        "name": name,
        "title": title,
        "caption": drawing.caption if evidence else f"{drawing.caption} ({NOT_EVIDENCE}.)",
        "dataset": dataset,
        "variants": drawing.variants,
        "seeds": drawing.seeds,
        "evidence": evidence,
    }
    with replacing(target.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(about, indent=2) + "\n")
    say(
        [
            *([", ".join(drawing.variants) + _seeds(drawing.seeds)] if drawing.variants else []),
            *drawing.notes,
            about["caption"],
        ],
        f"figure {name}: {written[0]}, .svg, .json",
    )


def _seeds(seeds: list[int]) -> str:
    numbers = ", ".join(map(str, seeds))
    return f"; seed {numbers}" if len(seeds) == 1 else f"; seeds {numbers}"
