"""What a head that adds its batch's mean would score on the cells of an experiment."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clfer.files import write_json, write_text
from clfer.report import transduction as report
from clfer.scoring.comparison import interval
from clfer.scoring.scores import codes
from clfer.scoring.transduction import accuracies, ordered
from clfer.training import cells as grid
from clfer.training.pack import undamaged
from pipeline import stored
from pipeline.console import page, say
from pipeline.study import Study, command

DRAWS = 20  # of a shuffled order


def write_transduction(
    study: Study, orders: Sequence[str], batches: tuple[int, ...], target: Path
) -> None:
    """The table as .md and .json, from the probabilities that the cells keep."""
    test = stored.tested(stored.table(study.split, f"split {study.data.name}"))
    label, generator = codes(test, "label"), np.random.default_rng(0)
    draws = {
        name: np.stack([ordered(name, label, generator) for _ in range(times(name))])
        for name in orders
    }
    found: dict[str, dict[int, dict[str, Any]]] = {}
    missing = grid.missing(study.cells, study.data, study.folder, training=False)
    for cell in study.cells:
        if cell in missing:
            continue
        path = grid.folder_of(study.folder, cell) / grid.PREDICTIONS
        with undamaged(path), np.load(path) as arrays:
            probability = {part: arrays[part] for part in ("val", "test")}
        honest = float((probability["test"].argmax(axis=1) == label).mean())
        scored = accuracies(probability, label, draws, batches)
        found.setdefault(cell.name, {})[cell.seed] = {"honest": honest, **scored}
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
    shown = report.markdown(document)
    write_json(target.with_name(f"{target.name}.json"), document)
    write_text(target.with_name(f"{target.name}.md"), shown)
    page(shown)
    say([f"also as {target}.json"], f"{target}.md")


def times(order: str) -> int:
    return DRAWS if order == "shuffled" else 1


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def bounds(values: Sequence[float]) -> list[float] | None:
    """95 % interval of the mean for other seeds on the same images; None of one seed."""
    known = interval(np.array(values), None, 0) if len(values) > 1 else None
    return known and [max(known.low, 0.0), min(known.high, 1.0)]


def over_seeds(seeds: Sequence[dict[str, Any]], summary: Any = mean) -> dict[str, Any]:
    """`honest`, and by order and batch size, over the seeds."""
    return {
        key: {str(batch): summary([one[key][batch] for one in seeds]) for batch in value}
        if isinstance(value, dict)
        else summary([one[key] for one in seeds])
        for key, value in seeds[0].items()
    }
