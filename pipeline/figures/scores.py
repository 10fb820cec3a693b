"""Figures of final scores, from results/ and from the table of an experiment."""

import json
from typing import Any

import numpy as np

from clfer.errors import InputError
from clfer.figures import confusion as matrices
from clfer.figures import scores as drawn
from pipeline import paths, stored
from pipeline.figures.request import Drawing, Request, every, trained

USUAL = ("baseline", "ours")
TABLE = "figure8"


def confusion(request: Request) -> Drawing:
    """Confusion matrices of the variants side by side."""
    cells, notes = trained(request, USUAL)
    found = {
        name: [_scores(request.dataset, name, seed) for seed in seeds]
        for name, seeds in cells.items()
    }
    classes = {tuple(one["classes"]) for scores in found.values() for one in scores}
    if len(classes) > 1:
        raise InputError(
            f"results/{request.dataset}: expected the same classes in all variants; found "
            f"{len(classes)} kinds of them; train and evaluate anew"
        )
    counts = {
        name: np.sum([one["confusion"] for one in scores], axis=0) for name, scores in found.items()
    }
    names = list(classes.pop())
    numbers = {name: len(seeds) for name, seeds in cells.items()}
    return Drawing(
        title="Confusion matrices",
        caption=matrices.CAPTION,
        draw=lambda title, path: matrices.draw_several(counts, numbers, names, title, path),
        variants=list(cells),
        seeds=every(cells),
        notes=notes,
    )


def k(request: Request) -> Drawing:
    """Accuracy against the number of clusters."""
    command = f"`clfer experiment {TABLE} --dataset {request.dataset}`"
    path = paths.table(request.dataset, TABLE)
    if not path.exists():
        raise InputError(f"{path} is missing; {command} writes it")
    table = json.loads(path.read_text())
    points = table.get("points") if isinstance(table, dict) else None
    if not points:
        raise InputError(f"{path}: expected its points, found none; {command} writes them")
    return Drawing(
        title="Number of clusters",
        caption=drawn.CLUSTERS,
        draw=lambda title, path: drawn.draw_clusters(points, path, title),
        variants=table.get("variants", []),
        seeds=table.get("seeds", []),
        notes=[],
    )


def _scores(dataset: str, variant: str, seed: int) -> dict[str, Any]:
    path = paths.results(dataset, variant, seed) / "scores.json"
    return stored.document(path, f"evaluate {dataset} {variant} {seed}")
