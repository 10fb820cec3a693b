"""Every page as it was last agreed upon, byte for byte.

`GOLDEN=write pytest tests/report/test_golden.py` writes them anew; the diff is what to review.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from materials import CLASSES, RECIPE, card, cards, figure, full, paper_table, predictions, summary

from clfer.datasets.labels import VOTES
from clfer.faces.preprocessing import Cut, View
from clfer.model.bundle import card as model_card
from clfer.model.variant import Variant
from clfer.paper.published import published
from clfer.paper.result import result
from clfer.paper.tables import Plan, Row
from clfer.report import experiment, score_sheet
from clfer.report.contents import Code, Contents, Picture
from clfer.report.markdown import markdown
from clfer.report.model_card import EvaluatedModel
from clfer.report.model_card import model_card as card_page
from clfer.report.page import page
from clfer.report.verdicts import summary_with_verdicts
from clfer.scoring import pairs
from clfer.scoring.grid import Run
from clfer.scoring.pairs import Entry
from clfer.scoring.raters import beside_panels
from clfer.scoring.scores import scores
from clfer.scoring.selection import SelectionGap
from clfer.scoring.summary import Significance

FOLDER = Path(__file__).parent / "golden"
SEVEN = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
MODULES = {"msr": {"fd": 128}, "simsiam": {"weight": 1.0, "fd": 64, "bottleneck": 16}}
GAPS = (SelectionGap(4, 0.6, 2, 0.65), None, SelectionGap(3, 0.55, 5, 0.65))
PNG = Picture(b"\x89PNG\r\n\x1a\n", "png")


def same(name: str, made: str) -> None:
    path = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


def runs(dataset: str, wrong: dict[str, float], *more: Any, gaps: Any = (None,) * 3) -> list[Run]:
    return [
        Run(dataset, name, seed, predictions(share, seed, *more), gap)
        for name, share in wrong.items()
        for seed, gap in enumerate(gaps)
    ]


def studies() -> dict[str, Any]:
    """Plain, published, chosen on test, drawn, of one seed, without baseline."""
    chosen_on_test = summary_with_verdicts(  # which the baseline did not record
        runs("sfew", {"baseline": 0.5, "ours": 0.35}, SEVEN, gaps=GAPS),
        {"sfew": True},
        {"sfew": {"labels": "by hand", "duplicates": "keep", "selected_on": "test"}},
        Significance(alpha=0.05, margin=0.01, baseline="baseline"),
        {"sfew": {"ours": [RECIPE | {"epochs": 1, "labelled_fraction": 0.1}]}},
    )
    parts = (
        summary("faces", variants=("baseline", "msr", "cl", "ours")),
        summary("raf_db", classes=SEVEN, variants=("baseline", "msr", "scn", "ours")),
        chosen_on_test,
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
    found = result(plan, runs("ferplus", {"baseline": 0.3, "ours": 0.2}))
    facts = {"evidence": True, "selected_on": "test", "differs": ["From scratch."]}
    facts["command"] = "clfer experiment table8"
    same("table.md", experiment.markdown(experiment.document(plan, "ferplus", found, facts)))


def test_score_sheet() -> None:
    """Seeds, a single model, answers alone; raters, groups of people, remarks and claims."""
    several = {seed: predictions(0.2, seed) for seed in range(3)}
    entries = [
        Entry("ours", several, False),
        Entry("one|model", {0: predictions(0.4, 5)}, False),
        Entry("answers", {0: predictions(0.3, 6)}, True),
    ]
    age = ["old"] * 31 + ["young"] * 29  # of which nothing is said
    people = pl.DataFrame({"row": range(60), "age": age, "half": ["left", "right"] * 30})
    votes = pl.Series([[3, 1, 0, 0, row % 3, 0, 0, 0, 0, 0] for row in range(60)], dtype=VOTES)
    rated = pl.DataFrame({"row": range(60), "votes": votes})
    read = {"a.csv": {"missing": 3, "beside": 2, "unknown": 1, "first_unknown": "x_1.png"}}
    document = {
        "dataset": "ferplus",
        "protocol": {"labels": "by hand", "duplicates": "drop"},
        "evidence": False,
        "test_images": 60,
        "classes": [*CLASSES],
        "alpha": 0.05,
        "margin": 0.01,
        "files": {
            one.name: {
                **pairs.scores(one),
                "read": read,
                "people": pairs.by_group(one, people),
                "raters": beside_panels(one, rated),
            }
            for one in entries
        },
        "comparisons": pairs.compare(entries, None, 0.01),
        "claims": [one._asdict() for one in published("ferplus")],
        "command": "clfer score a.csv",
    }
    same("score.md", score_sheet.markdown(document))
    same("score.html", score_sheet.html(document))


def trained(evidence: bool, **recipe: Any) -> EvaluatedModel:
    """A model whose images and scores are made up."""
    tested = predictions(0.25, 0)
    votes = np.array([[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.0, 0.1, 0.9]], np.float32)
    label = tested["label"].to_physical().to_numpy()
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
    kept = {
        "labelled_fraction": 1.0,
        "unlabelled": "keep",
        "scarce_class": None,
        "scarce_kept": 1.0,
    }
    provenance = card("ours", 0)["provenance"]
    provenance["recipe"] = {**RECIPE, "select": "val", **kept, **recipe}
    protocol = {"labels": "majority of raters", "duplicates": "drop"}
    return EvaluatedModel(
        dataset="raf_db" if evidence else "demo",
        variant="ours",
        seed=0,
        file="runs/raf_db/ours/0/model.safetensors",
        file_sha256="ef" * 32,
        card=model_card(
            CLASSES,
            "resnet10_quarter",
            "small",
            Variant.model_validate(MODULES),
            Cut(size=48, channels=1, threshold=0.4, margin=0.1, turned=True, landmarks=None),
            View(resize=64, crop=56),
            provenance,
        ),
        parameters=1_234_567,
        stored=(48, 48, 1),
        split=split,
        split_sha256="ab" * 32,
        scores=scores(tested.with_columns(voted)) | {"evidence": evidence, "protocol": protocol},
    )


def test_model_card_of_people_chosen_on_validation_images() -> None:
    same("model_card.md", card_page(trained(True)))


def test_model_card_of_drawings_with_every_warning() -> None:
    scarce = {"labelled_fraction": 0.2, "scarce_class": "anger", "scarce_kept": 0.1}
    model = trained(False, select="test", weights="imagenet", **scarce)
    same("model_card_warnings.md", card_page(model))


def test_report() -> None:
    """All that can stand in it, on three datasets of which two have no model any more."""
    whole, more = full(plots={}, figures=[]).summary, studies()["datasets"]
    others = {name: more[name] for name in ("sfew", "raf_db")}
    other = "runs/faces/ours/2/model.safetensors"
    contents = full(
        summary={**whole, "datasets": {**whole["datasets"], **others}},
        code=Code("abc1234", ["clfer/model/network.py"], ["-S train.epochs=9"]),
        cards=cards() | {("faces", "ours", 1): card("ours", 1, epoch=9, zoom=0.1)},
        mismatches=[f"`{other}` is not the file that these numbers were computed from."],
        plots={"accuracy": PNG, "history-faces": PNG, "reliability-faces": PNG},
        tables=[paper_table(question="What do `modules` add?")],
        figures=[(figure(sources={other: "ef"})[0], PNG)],
    )
    same("report.html", page(contents))


def test_report_of_a_summary_alone() -> None:
    found = summary("demo", evidence=False, seeds=1)
    same("report_alone.html", page(Contents(summary=found, code=Code(None, [], []))))
