"""What a head that adds its batch's mean would score on the cells of an experiment."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clfer.datasets.expressions import RAF_DB
from clfer.errors import InputError, in_one_line
from clfer.figures.scores import draw_transduction
from clfer.report import experiment as report
from clfer.scoring.comparison import interval
from clfer.scoring.scores import codes
from clfer.scoring.transduction import accuracies, following, ordered
from clfer.training import cells as grid
from clfer.training.cell import Cell
from clfer.training.pack import undamaged
from clfer.training.prediction import BATCH, BATCH_GPU
from pipeline import stored
from pipeline.study import Study, beside, command, publish

DRAWS = 20  # of a shuffled order
LIKE, DRAWN = "RAF-DB's", 5  # another list's order, and how often images are drawn for it


def write_transduction(
    study: Study, orders: Sequence[str], batches: tuple[int, ...], like: Path | None, target: Path
) -> None:
    """The table as .md and .json and a figure, from the probabilities that the cells keep.

    like: a list of RAF-DB, whose test images' classes another order follows.
    """
    test = stored.tested(stored.table(study.split, f"split {study.data.name}"))
    label, generator = codes(test, "label"), np.random.default_rng(0)
    draws = {
        name: np.stack(
            [ordered(name, label, generator) for _ in range(DRAWS if name == "shuffled" else 1)]
        )
        for name in orders
    }
    if like:
        followed = followed_classes(like, study.data.classes)
        draws[LIKE] = np.stack([following(label, followed, generator) for _ in range(DRAWN)])
    found: dict[str, dict[int, dict[str, Any]]] = {}
    missing = grid.missing(study.cells, study.data, study.folder, training=False)
    for cell in study.cells:
        if cell in missing:
            continue
        path = grid.folder_of(study.folder, cell) / grid.PREDICTIONS
        with undamaged(path), np.load(path) as arrays:
            probability = {part: arrays[part] for part in ("val", "test")}
        scored = accuracies(probability, label, draws, batches, asked_in(cell, path))
        found.setdefault(cell.name, {})[cell.seed] = scored
    document = {
        "dataset": study.data.name,
        "evidence": study.evidence,
        "images": len(label),
        "draws": DRAWS,
        "seeds": {name: [*seeds] for name, seeds in found.items()},
        "variants": {name: over_seeds([*seeds.values()]) for name, seeds in found.items()},
        "ci95": {name: over_seeds([*seeds.values()], bounds) for name, seeds in found.items()},
        "command": command(),
    }
    picture = beside(target, ".png")
    draw_transduction(document, picture)
    shown = report.transduction(document, picture.name)
    publish(shown, document, target, f"also as {target}.json, drawn in {picture}")


def followed_classes(path: Path, classes: Sequence[str]) -> np.ndarray:
    """The classes of RAF-DB's test images in the order of its list, as codes of `classes`.

    InputError where it is no such list, or has a class that is none of these.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [line.split() for line in lines if line.startswith("test")]
        return np.array([list(classes).index(RAF_DB[int(label) - 1]) for _, label in rows])
    except (OSError, ValueError, IndexError) as error:
        raise InputError(
            f"--like: expected RAF-DB's list_patition_label.txt, found {path} "
            f"({in_one_line(error)})"
        ) from error


def asked_in(cell: Cell, predictions: Path) -> int | None:
    """The batch size of a cell's predictions where its head adds its batch's mean."""
    if cell.variant.released is None or cell.variant.released.mean != "batch":
        return None
    facts = json.loads(predictions.with_name(grid.CELL).read_text(encoding="utf-8"))
    return BATCH if facts["device"] == "cpu" else BATCH_GPU


def bounds(values: Sequence[float]) -> list[float] | None:
    """95 % interval of the mean for other seeds on the same images; None of one seed."""
    known = interval(np.array(values), None, 0) if len(values) > 1 else None
    return known and [max(known.low, 0.0), min(known.high, 1.0)]


def over_seeds(seeds: Sequence[dict[str, Any]], summary: Any = np.mean) -> dict[str, Any]:
    """`honest`, and by order and batch size, over the seeds."""
    return {
        key: {str(batch): summary([one[key][batch] for one in seeds]) for batch in value}
        if isinstance(value, dict)
        else summary([one[key] for one in seeds])
        for key, value in seeds[0].items()
    }
