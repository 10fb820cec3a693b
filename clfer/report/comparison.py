"""The page of `clfer experiment comparison`: variants over their seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from clfer.report import numbers
from clfer.report.experiment import NAMES, is_block
from clfer.report.markdown import LEGEND, bullets, differences, paragraphs, section, table
from clfer.report.numbers import marked
from clfer.scoring.selection import SelectionGap, gap_over_seeds
from clfer.training.cells import FREE

NOISE = "noise_fm"
LOSSES = {
    "loss_cls": "classification loss",
    "loss_fm": "CLFM loss",
    NOISE: "CLFM loss of noise",
    "loss_bs": "CLBS loss",
    "groups_bs": "groups joined",
    "loss_sim": "SimSiam loss",
}
INTENSITY = (
    "Mean over the seeds in the last epoch. The learning intensity of a block is the norm of the "
    "gradient of one image's loss with respect to the block's features; training losses are "
    "weighted as they enter the sum."
)
OF_NOISE = (
    "CLFM's loss of noise is that of an untrained network whose features are Gaussian noise: a "
    "mean of codes that were chosen for resembling a centroid resembles it, whatever they are."
)
CLASSES = "Recall of each class in percent, mean over the seeds, with its 95 % interval."


def document(
    summary: Mapping[str, Any],
    runs: Sequence[tuple[Mapping[str, Any], pl.DataFrame, SelectionGap | None]],
    noise: Mapping[str, float | None],
    missing: Sequence[str],
    command: str,
) -> dict[str, Any]:
    """`datasets.D` of `metrics/summary.json`, and beside it recipe, in what a variant has its own,
    machine, last epoch, what is missing.

    runs: of each cell its own facts, as `clfer.training.cells` writes them, its history, and where
    both choices of its epoch would have led.
    noise: of each variant CLFM's loss of noise, if it has one.
    """
    facts = [one for one, _, _ in runs]
    machines = {
        f"{one['device']}, precision {one['recipe']['precision']}, Python {one['python']}, torch "
        f"{one['torch']}, torchvision {one['torchvision']}, clfer {one['clfer']}"
        for one in facts
    }
    of = {name: [run for run in runs if run[0]["variant"] == name] for name in summary["variants"]}
    recipe = facts[0]["recipe"]
    own = {
        name: {
            key: value for key, value in cells[0][0]["recipe"].items() if recipe.get(key) != value
        }
        for name, cells in of.items()
    }
    gaps = {name: {one["seed"]: gap for one, _, gap in cells if gap} for name, cells in of.items()}
    last = {name: last_epoch([h for _, h, _ in cells]) for name, cells in of.items()}
    for name, loss in noise.items():
        if loss is not None and name in last:
            last[name][NOISE] = loss
    return {
        **summary,
        "variants": {
            name: {**one, "optimistic": gap_over_seeds(gaps[name])}
            for name, one in summary["variants"].items()
        },
        "last_epoch": last,
        "recipe": recipe,
        "own": {name: {k: v for k, v in one.items() if k not in FREE} for name, one in own.items()},
        "sources": facts[0]["sources"],
        "seconds": {name: [one["seconds"] for one, _, _ in cells] for name, cells in of.items()},
        "machines": sorted(machines),
        "missing": list(missing),
        "command": command,
    }


def last_epoch(histories: Sequence[pl.DataFrame]) -> dict[str, float]:
    """Mean over the seeds of the last epoch's losses, training accuracy and gradients."""
    rows = [history.row(-1, named=True) for history in histories]
    wanted = [key for key in rows[0] if key in (*LOSSES, "train_accuracy") or is_block(key)]
    return {key: float(np.mean([row[key] for row in rows])) for key in wanted}


def page(name: str, found: Mapping[str, Any], stem: str) -> str:
    """The page; its pictures stand beside it as `stem`-curves.png and `stem`-confusions.png."""
    title = NAMES.get(name, name)
    text = paragraphs(
        f"# {title}: {', '.join(found['variants'])}",
        bullets(training(found)),
        f"Not trained yet: {', '.join(found['missing'])}." if found["missing"] else "",
        section(title, found),
        LEGEND,
        f"## Losses and learning intensity\n\n{_intensity(found)}",
        f"![Validation accuracy and gradients by epoch]({stem}-curves.png)",
        f"## Classes\n\n{_recalls(found)}\n\n{CLASSES}",
        f"![Confusion matrices]({stem}-confusions.png)",
        "" if found["published"] else differences(found["differs"]),
        f"Made by `{found['command']}`.",
    )
    return text + "\n"


def training(found: Mapping[str, Any]) -> list[str]:
    """Recipe, machines and times, a line each."""
    recipe = found["recipe"]
    own = [f"{name} has {k} {v}" for name, one in found["own"].items() for k, v in one.items()]
    start = "from scratch" if recipe["weights"] == "none" else f"from {recipe['weights']}"
    times = []
    for name, seconds in found["seconds"].items():
        known = [one for one in seconds if one is not None]
        median = f"{np.median(known):.0f}" if known else "unknown, continued after a stop"
        times.append(f"{name} {median}")
    return [
        f"{recipe['backbone']} {start} at {recipe['crop']} px, "
        f"{numbers.plural(recipe['epochs'], 'epoch')} of batches of {recipe['batch_size']}, "
        f"{recipe['optimizer']} at {recipe['lr']:g}, {recipe['schedule']} schedule, targets: "
        f"{recipe['targets']}; the same for every variant{', but ' if own else ''}{', '.join(own)}",
        *(f"trained on {machine}" for machine in found["machines"]),
        f"seconds for a cell (median): {', '.join(times)}",
    ]


def _intensity(found: Mapping[str, Any]) -> str:
    """A line for each variant."""
    last = found["last_epoch"]
    keys = list(dict.fromkeys(key for one in last.values() for key in one))
    heads = {key: name for key, name in LOSSES.items() if key in keys}
    heads |= {key: f"block {key.removeprefix('gradient_')}" for key in filter(is_block, keys)}
    rows = [
        [name, *(f"{one[key]:.3g}" if key in one else numbers.ABSENT for key in heads)]
        for name, one in last.items()
    ]
    shown = table(["variant", *heads.values()], rows)
    return paragraphs(shown, INTENSITY, OF_NOISE if NOISE in keys else "")


def _recalls(found: Mapping[str, Any]) -> str:
    """A line for each class."""
    variants = found["variants"]
    rows = []
    for name in found["classes"]:
        scores = [one["per_class"][name] for one in variants.values()]
        rows.append([name, numbers.count(scores[0]["support"]), *map(numbers.recall, scores)])
    return table(["class", "images", *variants], rows)


def confusions(
    name: str, found: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, int], list[str], str]:
    """What `clfer.figures.confusion.draw_several` wants before its path."""
    variants = found["variants"]
    return (
        {key: np.array(one["confusion"]) for key, one in variants.items()},
        {key: len(one["seeds"]) for key, one in variants.items()},
        list(found["classes"]),
        marked(NAMES.get(name, name), found["evidence"], found["selected_on"]),
    )
