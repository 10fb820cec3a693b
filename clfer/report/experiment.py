"""The tables of `clfer experiment` as Markdown, CSV and JSON, and its comparison of variants."""

import csv
import io
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML

from clfer.paper.tables import DATASETS, Plan
from clfer.report import numbers
from clfer.report.markdown import LEGEND as SUMMARY_LEGEND
from clfer.report.markdown import bullets, differences, paragraphs, section, table
from clfer.report.numbers import marked
from clfer.report.published import rule_with_verdicts
from clfer.report.rendering import TEMPLATES
from clfer.scoring.selection import SelectionGap, gap_over_seeds

NAMES = dict(zip(DATASETS, ("RAF-DB", "FERPlus", "SFEW", "AffectNet-7"), strict=True))
LOSSES = {"loss_cls": "classification", "loss_fm": "CLFM", "loss_bs": "CLBS", "loss_sim": "SimSiam"}
INTENSITY = (
    "Mean over the seeds in the last epoch. The learning intensity of a block is the norm of the "
    "gradient of one image's loss with respect to the block's features; training losses are "
    "weighted as they enter the sum."
)
CLASSES = "Recall of each class in percent, mean over the seeds, with its 95 % interval."
LEGEND = (
    "Accuracy: mean ± standard deviation over seeds, with the 95 % interval for other seeds and "
    "other test images; * marks one seed, whose interval covers other images alone."
)
OVER_SEEDS = (
    "Differences are over the seeds that both have, with the 95 % interval of the paired t; "
)
DESCRIPTIVE = OVER_SEEDS + "they are descriptive: no claim rests on them."
FAMILY = OVER_SEEDS + "p is Holm's, over the comparisons of this table."
MODULES8 = {"K_FM (CLFM)": "clfm", "K_BS (CLBS)": "clbs"}
BEST8 = {("clfm", 4), ("clbs", 7)}  # in the paper


@cache
def texts(name: str) -> Mapping[str, Any]:
    """Title, question, columns and notes of a table, see templates/experiments.yaml."""
    known: Mapping[str, Any] = YAML(typ="safe").load(TEMPLATES / "experiments.yaml")[name]
    return {"notes": [], **known}


def document(
    plan: Plan, dataset: str, entries: Sequence[Mapping[str, Any]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """The table as JSON: what is shown, and the numbers behind it under `cells`.

    facts: evidence, selected_on, differs (lines), command, and optionally `more` (notes), `points`
    of a figure, and `beside` (further columns, a cell for each entry under each heading). A
    published method without a number that is shown is left out.
    """
    about = texts(plan.name)
    known = [name for name in DATASETS if any(name in row.paper for row in plan.rows)]
    papers = [dataset] if dataset in known else known  # whose published numbers are shown
    columns = _columns(plan, dataset, entries, papers) | facts.get("beside", {})
    shown = [one["accuracy"] or any(name in one["paper"] for name in papers) for one in entries]
    rows = [
        [*entry["label"], *(cells[place] for cells in columns.values())]
        for place, entry in enumerate(entries)
    ]
    compared = any(one["against"] for one in entries)
    return {
        "name": plan.name,
        "title": about["title"],
        "question": about["question"],
        "dataset": dataset,
        "evidence": facts["evidence"],
        "selected_on": facts["selected_on"],
        "columns": [*about["columns"], *columns],
        "rows": [row for row, show in zip(rows, shown, strict=True) if show],
        "notes": [
            LEGEND,
            *([FAMILY if plan.family else DESCRIPTIVE] if compared else []),
            *about["notes"],
            *facts.get("more", ()),
        ],
        "differs": list(facts["differs"]),
        "command": facts["command"],
        "variants": list(plan.variants),
        "seeds": sorted({seed for one in entries for seed in one.get("trained", ())}),
        "points": facts.get("points"),
        "cells": [one for one, show in zip(entries, shown, strict=True) if show],
    }


def _columns(
    plan: Plan, dataset: str, entries: Sequence[Mapping[str, Any]], papers: Sequence[str]
) -> dict[str, list[str]]:
    """The cells under each heading, after the plan's own; a column that would be empty is none."""
    source = "published" if any(one["variant"] is None for one in entries) else "paper"
    columns = {}
    for name in papers:
        listed = [one["paper"].get(name) for one in entries]
        columns[f"{source}, {NAMES[name]} (%)"] = [
            numbers.ABSENT if one is None else f"{one:.2f}" for one in listed
        ]
    columns[f"here, {NAMES.get(dataset, dataset)} (%)"] = [
        numbers.estimate(one["accuracy"]) for one in entries
    ]
    if any(one["against"] for one in entries):
        columns["difference (points)"] = [difference(one) for one in entries]
    if plan.family:
        columns["p (Holm)"] = [numbers.probability(one["p_holm"]) for one in entries]
    if any("class_recall" in one for one in entries):
        columns["of the class found (%)"] = [
            numbers.percent(one.get("class_recall")) for one in entries
        ]
    return columns


def difference(entry: Mapping[str, Any]) -> str:
    """'+1.20 (+0.80 to +1.60)'; with one seed the interval is for other test images and has a *."""
    if entry["difference"] is None or entry["ci95"] or not entry["ci95_images"]:
        return numbers.difference(entry)
    return f"{numbers.points(entry['difference'])} ({numbers.span(*entry['ci95_images'])})*"


def markdown(document: Mapping[str, Any]) -> str:
    """A page of Markdown from what `document` returns, ending with a newline."""
    name = f"{document['title']}, on {NAMES.get(document['dataset'], document['dataset'])}"
    page = paragraphs(
        f"# {marked(name, document['evidence'], document['selected_on'])}",
        document["question"],
        table(document["columns"], document["rows"]),
        differences(document["differs"]),
        *document["notes"],
        f"Made by `{document['command']}`.",
    )
    return page + "\n"


def as_csv(document: Mapping[str, Any]) -> str:
    """The shown table as CSV, headings first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([document["columns"], *document["rows"]])
    return text.getvalue()


def rule_sentences(dataset: str, accuracy: Mapping[str, Any]) -> list[str]:
    """Table VIII's rule, a sentence for each dataset of the paper and one for ours where the paper
    names a competitor; `accuracy` is the spread of our seeds.
    """
    papers = [(name, one) for name in DATASETS for one in rule_with_verdicts(name, None)]
    ours = [(dataset, one) for one in rule_with_verdicts(dataset, accuracy)[1:]]
    return [f"On {NAMES[name]}: {one['verdict']}" for name, one in [*papers, *ours]]


def intensity_columns(
    plan: Plan, histories: Sequence[tuple[str, pl.DataFrame]]
) -> dict[str, list[str]]:
    """Figure 5's numbers, a column for each block: mean and standard deviation over the seeds of
    its gradient norm in the last epoch. histories: of each run, with the name of its variant.
    """
    columns = {}
    for name in filter(_is_block, histories[0][1].columns):
        cells = []
        for row in plan.rows:
            last = [h[name][-1] for variant, h in histories if variant == row.variant]
            std = f" ± {np.std(last, ddof=1):.3g}" if len(last) > 1 else ""
            cells.append(f"{np.mean(last):.3g}{std}")
        columns[f"gradient of block {name.removeprefix('gradient_')}, last epoch"] = cells
    return columns


def cluster_points(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Figure 8's points: module, number of clusters and accuracy of each entry of the result."""
    points = []
    for entry in entries:
        module, k = MODULES8[entry["label"][0]], int(entry["label"][1])
        accuracy = {key: entry["accuracy"][key] for key in ("mean", "std", "ci95")}
        points.append({"module": module, "k": k, **accuracy, "paper_best": (module, k) in BEST8})
    return points


def comparison_document(
    summary: Mapping[str, Any],
    runs: Sequence[tuple[Mapping[str, Any], pl.DataFrame, SelectionGap | None]],
    missing: Sequence[str],
    command: str,
) -> dict[str, Any]:
    """`datasets.D` of `metrics/summary.json`, and beside it recipe, machine, last epoch, what is
    missing.

    runs: of each cell its own facts, as `clfer.training.cells` writes them, its history, and where
    both choices of its epoch would have led; all were trained by one recipe.
    """
    facts = [one for one, _, _ in runs]
    machines = {
        f"{one['device']}, precision {one['recipe']['precision']}, Python {one['python']}, torch "
        f"{one['torch']}, torchvision {one['torchvision']}, clfer {one['clfer']}"
        for one in facts
    }
    of = {name: [run for run in runs if run[0]["variant"] == name] for name in summary["variants"]}
    gaps = {name: {one["seed"]: gap for one, _, gap in cells if gap} for name, cells in of.items()}
    return {
        **summary,
        "variants": {
            name: {**one, "optimistic": gap_over_seeds(gaps[name])}
            for name, one in summary["variants"].items()
        },
        "last_epoch": {name: last_epoch([h for _, h, _ in cells]) for name, cells in of.items()},
        "recipe": facts[0]["recipe"],
        "sources": facts[0]["sources"],
        "seconds": {name: [one["seconds"] for one, _, _ in cells] for name, cells in of.items()},
        "machines": sorted(machines),
        "missing": list(missing),
        "command": command,
    }


def last_epoch(histories: Sequence[pl.DataFrame]) -> dict[str, float]:
    """Mean over the seeds of the last epoch's losses, training accuracy and gradients."""
    rows = [history.row(-1, named=True) for history in histories]
    wanted = [key for key in rows[0] if key in (*LOSSES, "train_accuracy") or _is_block(key)]
    return {key: float(np.mean([row[key] for row in rows])) for key in wanted}


def _is_block(key: str) -> bool:
    """Whether a column of a history is the gradient of a block."""
    return key.startswith("gradient_") and key.removeprefix("gradient_").isdecimal()


def comparison_page(name: str, document: Mapping[str, Any], stem: str) -> str:
    """The page; its pictures stand beside it as `stem`-curves.png and `stem`-confusions.png."""
    title = NAMES.get(name, name)
    page = paragraphs(
        f"# {title}: {', '.join(document['variants'])}",
        bullets(_training(document)),
        f"Not trained yet: {', '.join(document['missing'])}." if document["missing"] else "",
        section(title, document),
        SUMMARY_LEGEND,
        f"## Losses and learning intensity\n\n{_intensity(document)}\n\n{INTENSITY}",
        f"![Validation accuracy and gradients by epoch]({stem}-curves.png)",
        f"## Classes\n\n{_recalls(document)}\n\n{CLASSES}",
        f"![Confusion matrices]({stem}-confusions.png)",
        "" if document["published"] else differences(document["differs"]),
        f"Made by `{document['command']}`.",
    )
    return page + "\n"


def _training(document: Mapping[str, Any]) -> list[str]:
    """Recipe, machines and times, a line each."""
    recipe = document["recipe"]
    start = "from scratch" if recipe["weights"] == "none" else f"from {recipe['weights']}"
    times = []
    for name, seconds in document["seconds"].items():
        known = [one for one in seconds if one is not None]
        median = f"{np.median(known):.0f}" if known else "unknown, continued after a stop"
        times.append(f"{name} {median}")
    return [
        f"{recipe['backbone']} {start} at {recipe['crop']} px, "
        f"{recipe['epochs']} epochs of batches of {recipe['batch_size']}, {recipe['optimizer']} "
        f"at {recipe['lr']:g}, {recipe['schedule']} schedule, targets: {recipe['targets']}; "
        "the same for every variant",
        *(f"trained on {machine}" for machine in document["machines"]),
        f"seconds for a cell (median): {', '.join(times)}",
    ]


def _intensity(document: Mapping[str, Any]) -> str:
    """A line for each variant."""
    last = document["last_epoch"]
    keys = list(dict.fromkeys(key for one in last.values() for key in one))
    heads = {key: f"{name} loss" for key, name in LOSSES.items() if key in keys}
    heads |= {key: f"block {key.removeprefix('gradient_')}" for key in filter(_is_block, keys)}
    rows = [
        [name, *(f"{one[key]:.3g}" if key in one else numbers.ABSENT for key in heads)]
        for name, one in last.items()
    ]
    return table(["variant", *heads.values()], rows)


def _recalls(document: Mapping[str, Any]) -> str:
    """A line for each class."""
    variants = document["variants"]
    rows = []
    for name in document["classes"]:
        scores = [one["per_class"][name] for one in variants.values()]
        recalls = [
            f"{numbers.percent(one['recall']['mean'], 1)} {numbers.between(one['recall_ci95'], 1)}"
            for one in scores
        ]
        rows.append([name, numbers.count(scores[0]["support"]), *recalls])
    return table(["class", "images", *variants], rows)


def confusions(
    name: str, document: Mapping[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, int], list[str], str]:
    """What `clfer.figures.confusion.draw_several` wants before its path."""
    variants = document["variants"]
    return (
        {key: np.array(one["confusion"]) for key, one in variants.items()},
        {key: len(one["seeds"]) for key, one in variants.items()},
        list(document["classes"]),
        marked(NAMES.get(name, name), document["evidence"], document["selected_on"]),
    )
