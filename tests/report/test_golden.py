"""Every page as it was last agreed upon, byte for byte.

`GOLDEN=write pytest tests/report/test_golden.py` writes them anew; the diff is what to review.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from materials import (
    CLASSES,
    RECIPE,
    audit,
    card,
    cards,
    figure,
    full,
    paper_table,
    predictions,
    summary,
)

from clfer.faces.preprocessing import Cut, View
from clfer.model.bundle import card as model_card
from clfer.model.variant import Variant
from clfer.paper.result import result
from clfer.paper.tables import Plan, Row
from clfer.report import experiment
from clfer.report.contents import Code, Contents, Figure, Picture
from clfer.report.markdown import markdown
from clfer.report.model_card import EvaluatedModel
from clfer.report.model_card import model_card as card_page
from clfer.report.page import page
from clfer.report.verdicts import summary_with_verdicts
from clfer.scoring.grid import Run
from clfer.scoring.scores import scores
from clfer.scoring.selection import SelectionGap
from clfer.scoring.summary import Significance

FOLDER = Path(__file__).parent / "golden"
SEVEN = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
SIMSIAM = {"weight": 1.0, "fd": 64, "bottleneck": 16}
GAPS = (SelectionGap(4, 0.6, 2, 0.65), None, SelectionGap(3, 0.55, 5, 0.65))
PNG = Picture(b"\x89PNG\r\n\x1a\n", "png")


def same(name: str, made: str) -> None:
    path = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


def chosen_on_test() -> dict[str, Any]:
    """Epochs chosen on the test images, which the baseline did not record."""
    runs = [
        Run("sfew", name, seed, predictions(wrong, seed, SEVEN), choice)
        for name, wrong in (("baseline", 0.5), ("ours", 0.35))
        for seed, choice in enumerate(GAPS)
    ]
    protocol = {"labels": "by hand", "duplicates": "keep", "selected_on": "test"}
    return summary_with_verdicts(
        runs,
        {"sfew": True},
        {"sfew": protocol},
        Significance(alpha=0.05, baseline="baseline"),
        {"sfew": {"ours": [RECIPE | {"epochs": 1, "labelled_fraction": 0.1}]}},
    )


def studies() -> dict[str, Any]:
    """Plain, published, chosen on test, drawn, of one seed, without baseline."""
    four = ("baseline", "msr", "cl", "ours")
    parts = (
        summary("faces", variants=four),
        summary("raf_db", classes=SEVEN, variants=("baseline", "msr", "scn", "ours")),
        chosen_on_test(),
        summary("demo", evidence=False, seeds=2),
        summary("ferplus", seeds=1, duplicates="keep"),
        summary("alone", variants=("msr",)),
    )
    return {**parts[0], "datasets": {k: v for one in parts for k, v in one["datasets"].items()}}


def test_summary() -> None:
    same("summary.md", markdown(studies()))


def test_table_of_an_experiment() -> None:
    rows = (
        Row(("plain",), "baseline", {}, {"ferplus": 80.0, "raf_db": 70.0}),
        Row(("new",), "ours", {}, {"ferplus": 81.5}, against="baseline"),
        Row(("theirs",), None, {}, {"ferplus": 61.0}),
    )
    plan = Plan("table8", rows, family=True)
    runs = [
        Run("ferplus", name, seed, predictions(wrong, seed))
        for name, wrong in (("baseline", 0.3), ("ours", 0.2))
        for seed in range(3)
    ]
    facts = {
        "evidence": True,
        "selected_on": "test",
        "differs": ["From scratch."],
        "command": "clfer experiment table8",
    }
    same(
        "table.md",
        experiment.markdown(experiment.document(plan, "ferplus", result(plan, runs, 0.05), facts)),
    )


def trained(evidence: bool, **recipe: Any) -> EvaluatedModel:
    """A model whose images and scores are made up."""
    found = predictions(0.25, 0)
    votes = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9]], np.float32)
    label = found["label"].to_physical().to_numpy()
    voted = pl.Series("target", votes[label], pl.Array(pl.Float32, 3))
    parts = ["train"] * 1200 + ["val"] * 100 + ["test"] * 60 + [None] * 40
    codes = np.arange(len(parts)) % 3
    split = pl.DataFrame(
        {
            "split": parts,
            "label": pl.Series([CLASSES[one] for one in codes], dtype=pl.Enum(CLASSES)),
            "target": pl.Series(votes[codes], dtype=pl.Array(pl.Float32, 3)),
            "reason": [None] * 1360 + ["copy of a test image"] * 10 + ["no label"] * 30,
        }
    )
    settings = {
        **RECIPE,
        "select": "val",
        "labelled_fraction": 1.0,
        "unlabelled": "keep",
        "scarce_class": None,
        "scarce_kept": 1.0,
        **recipe,
    }
    told = {
        "epoch": 7,
        "clfer": "0.1.0",
        "split_sha256": "ab" * 32,
        "faces_sha256": "cd" * 32,
        "recipe": settings,
    }
    protocol = {"labels": "majority of raters", "duplicates": "drop"}
    cut = Cut(size=48, channels=1, threshold=0.4, margin=0.1, turned=True, landmarks=None)
    variant = Variant.model_validate({"msr": {"fd": 128}, "simsiam": SIMSIAM})
    return EvaluatedModel(
        dataset="raf_db" if evidence else "demo",
        variant="ours",
        seed=0,
        file="runs/raf_db/ours/0/model.safetensors",
        file_sha256="ef" * 32,
        card=model_card(
            CLASSES, "resnet10_quarter", "small", variant, cut, View(resize=64, crop=56), told
        ),
        parameters=1_234_567,
        stored=(48, 48, 1),
        split=split,
        split_sha256="ab" * 32,
        scores=scores(found.with_columns(voted)) | {"evidence": evidence, "protocol": protocol},
    )


@pytest.mark.parametrize("evidence", [True, False])
def test_model_card(evidence: bool) -> None:
    """Of people, chosen on validation images; of drawings, with every warning."""
    if evidence:
        same("model_card.md", card_page(trained(True)))
        return
    other = trained(
        False,
        select="test",
        weights="imagenet",
        labelled_fraction=0.2,
        scarce_class="anger",
        scarce_kept=0.1,
    )
    same("model_card_warnings.md", card_page(other))


def test_report() -> None:
    """All that can stand in it, on two datasets of which one has no model any more."""
    whole, more = full(plots={}, figures=[]), studies()
    given = {**whole.summary["datasets"], "sfew": more["datasets"]["sfew"]}
    given["raf_db"] = more["datasets"]["raf_db"]
    other = "runs/faces/ours/2/model.safetensors"
    models = cards() | {("faces", "ours", 1): card("ours", 1, epoch=9, zoom=0.1)}
    same(
        "report.html",
        page(
            full(
                summary={**whole.summary, "datasets": given},
                code=Code("abc1234", ["clfer/model/network.py"], ["-S train.epochs=9"]),
                audits={"faces": audit()},
                cards=models,
                mismatches=[f"`{other}` is not the file that these numbers were computed from."],
                plots={"accuracy": PNG, "history-faces": PNG, "reliability-faces": PNG},
                tables=[paper_table(question="What do `modules` add?")],
                figures=[Figure(figure(sources={other: "ef"}).about, PNG)],
            )
        ),
    )


def test_report_of_a_summary_alone() -> None:
    found = summary("demo", evidence=False, seeds=1)
    same("report_alone.html", page(Contents(summary=found, code=Code(None, [], []))))
