"""What `clfer grid` says about its cells: scores and tests, both ways to choose the epoch, classes,
gradients, machines.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clfer.experiments.plan import DATASETS
from clfer.report.markdown import LEGEND, section, table
from clfer.report.numbers import marked
from clfer.scoring.selection import Peeked, optimistic

NAMES = {"loss_cls": "classification", "loss_fm": "CLFM", "loss_bs": "CLBS", "loss_sim": "SimSiam"}
INTENSITY = (
    "Mean over the seeds in the last epoch. The learning intensity of a block is the norm of the "
    "gradient of one image's loss with respect to the block's features; training losses are "
    "weighted as they enter the sum."
)
CLASSES = "Recall of each class in percent, mean over the seeds, with its 95 % interval."


def document(
    summary: Mapping[str, Any],
    choices: Sequence[tuple[str, int, Peeked | None]],
    histories: Sequence[tuple[str, pl.DataFrame]],
    facts: Sequence[Mapping[str, Any]],
    absent: Sequence[str],
    differences: Sequence[str],
    command: str,
) -> dict[str, Any]:
    """`datasets.D` of `metrics/summary.json`, and beside it recipe, machine, last epoch, what is
    missing.

    choices: of each cell its variant, seed, and where both choices of its epoch would have led.
    facts: each cell's own, as `clfer.cells` writes them; all were trained by one recipe.
    """
    variants = {
        name: {
            **one,
            "optimistic": optimistic(
                {seed: peek for variant, seed, peek in choices if variant == name and peek}
            ),
        }
        for name, one in summary["variants"].items()
    }
    return {
        **summary,
        "variants": variants,
        "last_epoch": {name: _last(name, histories) for name in variants},
        "recipe": facts[0]["recipe"],
        "sources": facts[0]["sources"],
        "seconds": {
            name: [one["seconds"] for one in facts if one["variant"] == name] for name in variants
        },
        "machines": sorted({_machine(one) for one in facts}),
        "missing": list(absent),
        "differs": list(differences),
        "command": command,
    }


def _last(name: str, histories: Sequence[tuple[str, pl.DataFrame]]) -> dict[str, float]:
    """Mean over the seeds of the last epoch's losses, training accuracy and gradients."""
    rows = [frame.row(-1, named=True) for variant, frame in histories if variant == name]
    wanted = [
        key
        for key in rows[0]
        if key in (*NAMES, "train_accuracy") or key.removeprefix("gradient_").isdecimal()
    ]
    return {key: float(np.mean([row[key] for row in rows])) for key in wanted}


def _machine(one: Mapping[str, Any]) -> str:
    return (
        f"{one['device']}, precision {one['recipe']['precision']}, Python {one['python']}, torch "
        f"{one['torch']}, torchvision {one['torchvision']}, clfer {one['clfer']}"
    )


def markdown(name: str, found: Mapping[str, Any], stem: str) -> str:
    """The page; its pictures stand beside it as `stem`-curves.png and `stem`-confusions.png."""
    missing = f"Not trained yet: {', '.join(found['missing'])}." if found["missing"] else ""
    parts = [
        f"# {DATASETS.get(name, name)}: {', '.join(found['variants'])}",
        "\n".join(f"- {line}" for line in told(found)),
        missing,
        section(DATASETS.get(name, name), found),
        LEGEND,
        f"## Losses and learning intensity\n\n{intensity(found)}\n\n{INTENSITY}",
        f"![Validation accuracy and gradients by epoch]({stem}-curves.png)",
        f"## Classes\n\n{recalls(found)}\n\n{CLASSES}",
        f"![Confusion matrices]({stem}-confusions.png)",
        "\n".join(["What differs from the paper:", "", *(f"- {one}" for one in found["differs"])]),
        f"Made by `{found['command']}`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def told(found: Mapping[str, Any]) -> list[str]:
    """Recipe, machines and times, a line each."""
    recipe = found["recipe"]
    start = "from scratch" if recipe["weights"] == "none" else f"from {recipe['weights']}"
    known = {
        name: [one for one in seconds if one is not None]
        for name, seconds in found["seconds"].items()
    }
    times = ", ".join(
        f"{name} {np.median(some):.0f}" if some else f"{name} unknown, continued after a stop"
        for name, some in known.items()
    )
    return [
        f"{recipe['backbone']} {start} at {recipe['crop']} px, "
        f"{recipe['epochs']} epochs of batches of {recipe['batch_size']}, {recipe['optimizer']} "
        f"at {recipe['lr']:g}, {recipe['schedule']} schedule, targets: {recipe['targets']}; "
        "the same for every variant",
        *(f"trained on {machine}" for machine in found["machines"]),
        f"seconds for a cell (median): {times}",
    ]


def intensity(found: Mapping[str, Any]) -> str:
    """A line for each variant."""
    last = found["last_epoch"]
    keys = list(dict.fromkeys(key for one in last.values() for key in one))
    losses = [key for key in NAMES if key in keys]
    blocks = [key for key in keys if key.startswith("gradient_")]
    head = ["variant", *(f"{NAMES[key]} loss" for key in losses)]
    head += [f"block {key.removeprefix('gradient_')}" for key in blocks]
    return table(
        head,
        [
            [name, *(f"{one[key]:.3g}" if key in one else "–" for key in (*losses, *blocks))]
            for name, one in last.items()
        ],
    )


def recalls(found: Mapping[str, Any]) -> str:
    """A line for each class."""
    variants = found["variants"]
    first = next(iter(variants.values()))["per_class"]
    rows = []
    for name in found["classes"]:
        cells = [name, str(first[name]["support"])]
        for one in variants.values():
            score = one["per_class"][name]
            low, high = score["recall_ci95"]
            mean = score["recall"]["mean"]
            cells.append(f"{100 * mean:.1f} [{100 * low:.1f}, {100 * high:.1f}]")
        rows.append(cells)
    return table(["class", "images", *variants], rows)


def matrices(
    name: str, found: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, int], list[str], str]:
    """What `clfer.figures.confusion.draw_several` wants before its path."""
    variants = found["variants"]
    return (
        {key: np.array(one["confusion"]) for key, one in variants.items()},
        {key: len(one["seeds"]) for key, one in variants.items()},
        list(found["classes"]),
        marked(DATASETS.get(name, name), found["evidence"], found["selected_on"]),
    )
