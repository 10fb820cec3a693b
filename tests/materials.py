"""What a small study leaves behind, for the tests of the report."""

import io
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from PIL import Image
from prediction_tables import CLASSES, table

from clfer.model.variant import Variant
from clfer.report.contents import Cell, Code, Contents, Picture
from clfer.report.verdicts import summary_with_verdicts
from clfer.scoring.grid import Run
from clfer.scoring.summary import Significance

IMAGES = 60
RECIPE = {
    "backbone": "resnet10_quarter",
    "weights": "none",
    "crop": 64,
    "epochs": 9,
    "batch_size": 16,
}


def predictions(wrong: float, seed: int, classes: tuple[str, ...] = CLASSES) -> pl.DataFrame:
    """The predictions of a model that is wrong on about this share of the images."""
    chance = np.random.default_rng([seed, int(1000 * wrong)])
    label = np.arange(IMAGES) % len(classes)
    predicted = np.where(chance.random(IMAGES) < wrong, (label + 1) % len(classes), label)
    probability = np.full((IMAGES, len(classes)), 0.1, np.float32)
    probability[np.arange(IMAGES), predicted] = 1.1 - 0.1 * len(classes)
    unique = [place >= 5 for place in range(IMAGES)]
    return table(
        label.tolist(), predicted.tolist(), None, unique, classes, None, probability, first=0
    )


@cache
def _summary(
    dataset: str = "faces",
    seeds: int = 3,
    evidence: bool = True,
    selected_on: str = "val",
    duplicates: str = "drop",
    classes: tuple[str, ...] = CLASSES,
    variants: tuple[str, ...] = ("baseline", "ours"),
) -> dict[str, Any]:
    runs = [
        Run(dataset, name, seed, predictions(0.3 - 0.08 * place, seed, classes))
        for place, name in enumerate(variants)
        for seed in range(seeds)
    ]
    protocol = {"labels": "by hand", "duplicates": duplicates, "selected_on": selected_on}
    settings = Significance(alpha=0.05, margin=0.01, baseline="baseline")
    found = summary_with_verdicts(runs, {dataset: evidence}, {dataset: protocol}, settings)
    return {**found, "sources": {f"data/splits/{dataset}.parquet": "ab" * 32}}


def summary(*given: Any, **more: Any) -> dict[str, Any]:
    """A summary as `clfer significance` writes it, to be changed."""
    return deepcopy(_summary(*given, **more))


def with_classes(found: dict[str, Any]) -> dict[str, Any]:
    """The summary with scores by class, of which the last has no image, and all further scores."""
    spread = {"mean": 0.625, "std": 0.025, "per_seed": [0.625] * 3}
    one = {"support": 20, "recall": spread, "precision": spread, "f1": spread}
    for dataset in found["datasets"].values():
        size = len(dataset["classes"])
        for place, variant in enumerate(dataset["variants"].values()):
            counts = 3 * place + 7 * np.eye(size, dtype=int)
            counts[-1] = 0
            variant["confusion"] = counts.tolist()
            variant["per_class"] = {
                name: {**one, "recall_ci95": [0.5125, 0.7375]} for name in dataset["classes"]
            }
            variant |= dict.fromkeys(("kappa", "ece", "nll", "kl", "top2"), spread)
    return found


def audit(copied: int = 4, contempt: int = 12) -> dict[str, Any]:
    """The audit of a split, as `clfer split` writes it."""
    sizes = {"train": (90, 80), "val": (30, 27), "test": (IMAGES, IMAGES)}
    by_class = dict(zip(CLASSES, (30, 40, contempt), strict=True))
    classes = {name: {"published": n, "used": n} for name, n in by_class.items()}
    copies = {name: {"images": 1, "of": 20} for name in CLASSES}
    return {
        "images": {
            part: {"published": published, "used": used, "classes": classes}
            for part, (published, used) in sizes.items()
        },
        "test_copied_in_train_or_val": {"images": copied, "of": IMAGES, "classes": copies},
        "groups": {"groups": 9, "images": 18, "conflicting_labels": 2},
        "unused": {"copy of a test image": 10, "copy of a val image": 3, "no label": 7},
    }


def card(variant: str, seed: int, epoch: int = 7, **recipe: Any) -> dict[str, Any]:
    """The card of a model; `recipe` has the settings that are not as in RECIPE."""
    modules = {} if variant == "baseline" else {"msr": {"fd": 128}, "clfm": {"k": 4}}
    return {
        "variant": Variant.model_validate(modules).model_dump(mode="json"),
        "provenance": {
            "variant": variant,
            "seed": seed,
            "epoch": epoch,
            "selected_on": "val",
            "accuracy": {"train": 0.7125, "val": 0.6875},
            "recipe": {**RECIPE, **recipe},
            "split_sha256": "ab" * 32,
            "faces_sha256": "cd" * 32,
            "clfer": "0.1.0",
        },
    }


def cards() -> dict[Cell, dict[str, Any]]:
    cells = [("faces", name, seed) for name in ("baseline", "ours") for seed in range(3)]
    return {cell: card(*cell[1:]) for cell in cells}


def picture() -> Picture:
    file = io.BytesIO()
    Image.new("RGB", (8, 4), "white").save(file, "PNG")
    return Picture(file.getvalue(), "png")


def paper_table(**more: Any) -> dict[str, Any]:
    about = {
        "name": "table4",
        "title": "Table IV: the modules",
        "dataset": "faces",
        "evidence": True,
        "columns": ["variant", "the paper", "here"],
        "rows": [["baseline", "87.63", "82.40"], ["ours", "89.50", "80.91"]],
        "notes": ["One seed."],
        "differs": ["From scratch."],
        "command": "clfer experiment table4 --dataset faces",
        "recipe": RECIPE,
        "sources": {"data/splits/faces.parquet": "ab" * 32},
    }
    return {**about, **more}


def figure(**more: Any) -> tuple[dict[str, Any], Picture]:
    about = {"name": "figure9", "title": "Features", "caption": "By class.", "dataset": "faces"}
    made = {"variants": ["baseline", "ours"], "seeds": [0], "evidence": True, "sources": {}}
    return {**about, **made, **more}, picture()


def full(**more: Any) -> Contents:
    """Everything that a report can show."""
    given = {
        "summary": with_classes(summary()),
        "code": Code("abc1234", [], []),
        "audits": {"faces": audit()},
        "cards": cards(),
        "unchanged": 1,
        "plots": dict.fromkeys(("accuracy", "history-faces", "reliability-faces"), picture()),
        "tables": [paper_table()],
        "figures": [figure()],
    }
    return Contents(**{**given, **more})
