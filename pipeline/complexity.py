"""Tool complexity: what each variant costs, beside Table I of the paper."""

import json
from collections.abc import Mapping
from textwrap import wrap
from typing import Annotated, Any

import typer

from clfer.errors import InputError
from pipeline.console import err, say, table
from pipeline.params import block


def complexity(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    backbone: Annotated[
        str | None, typer.Option(help="Default: train.backbone, or the paper's.")
    ] = None,
    stem: Annotated[str | None, typer.Option(help="Default: train.stem, or the paper's.")] = None,
    size: Annotated[int | None, typer.Option(help="Default: train.crop, or the paper's.")] = None,
    classes: Annotated[int, typer.Option(help="Expressions to tell apart.")] = 8,
) -> None:
    """Count parameters and multiply-accumulates of each variant, in training and deployed."""
    from clfer.complexity import BATCH, COUNTED, NOT_COUNTED
    from clfer.complexity import complexity as costs
    from pipeline import cell

    given = {"backbone": backbone, "stem": stem}
    recipe = cell.paper({key: value for key, value in given.items() if value is not None})
    size = recipe.crop if size is None else size
    for option, value, least in (("--size", size, 1), ("--classes", classes, 2)):
        if value < least:
            raise InputError(f"{option}: expected at least {least}; found {value}")
    found: dict[str, Any] = {}
    for name in block("variants"):
        one = {name: cell.modules(name)}
        try:
            found |= costs(one, recipe.backbone, recipe.stem, size, classes)
        except InputError as error:  # the released head fits few backbones
            if not found:
                raise
            err.print(f"left out {name}: {error}", highlight=False, markup=False)
    if as_json:
        setting = {
            "backbone": recipe.backbone,
            "stem": recipe.stem,
            "size": size,
            "classes": classes,
            "batch": BATCH,
            "counted": COUNTED,
            "not_counted": NOT_COUNTED,
        }
        typer.echo(json.dumps({**found, "setting": setting}, indent=2))
        return
    _show(found, f"{recipe.backbone}, {recipe.stem} stem, {size} px, {classes} classes")


def _show(found: Mapping[str, Any], setting: str) -> None:
    from clfer.complexity import BATCH, COUNTED, NOT_COUNTED, PAPER

    table(
        f"{setting}: params in M, MACs in G",
        ["variant", "train params", "train MACs", "deploy params", "deploy MACs"],
        [[name, *_figures(cost), *_figures(cost, "deploy")] for name, cost in found.items()],
    )
    if "ours" in found:
        typer.echo()
        table(
            "ours in training, by module",
            ["module", "params, M", "MACs, M"],
            [
                [name, f"{cost['params'] / 1e6:.3f}", f"{cost['macs'] / 1e6:.3f}"]
                for name, cost in found["ours"]["modules"].items()
            ],
        )
    typer.echo()
    table(
        "Table I of the paper, at 224 px, and the variant of that name here",
        ["method", "paper params", "paper MACs", "train params", "train MACs"],
        [
            [method, f"{params:.1f}", f"{macs:.2f}", *_figures(found.get(method.lower()))]
            for method, (params, macs) in PAPER.items()
        ],
    )
    typer.echo()
    say(
        [
            f"counted: {', '.join(COUNTED)}",
            *wrap(f"not counted: {NOT_COUNTED}", 78),
            f"train: one forward pass with its contrastive heads, in a batch of {BATCH}",
            "deploy: the network alone",
        ],
        "MACs of one image's share",
    )


def _figures(costs: Mapping[str, Any] | None, part: str = "train") -> list[str]:
    """Parameters in M and MACs in G, empty where there are none."""
    if costs is None:
        return ["", ""]
    return [f"{costs[part]['params'] / 1e6:.3f}", f"{costs[part]['macs'] / 1e9:.3f}"]
