"""The tables of `clfer experiment` as Markdown, CSV and JSON, and the page of `transduction`."""

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
from clfer.report.markdown import differences, paragraphs, table
from clfer.report.numbers import marked
from clfer.report.published import rule_with_verdicts
from clfer.report.rendering import TEMPLATES, environment

NAMES = dict(zip(DATASETS, ("RAF-DB", "FERPlus", "SFEW", "AffectNet-7"), strict=True))
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
    return f"{numbers.points(entry['difference'])} ({numbers.change(entry['ci95_images'])})*"


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
    for name in filter(is_block, histories[0][1].columns):
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


def transduction(document: Mapping[str, Any], picture: str) -> str:
    """The page of a document that `clfer experiment transduction` writes, with its picture."""

    def cells(*keys: str) -> list[str]:
        found = []
        for name in document["variants"]:
            value, ends = document["variants"][name], document["ci95"][name]
            for key in keys:
                value, ends = value[key], ends[key]
            found.append(f"{numbers.percent(value)} {numbers.between(ends)}".strip())
        return found

    seeds = (
        f"{name}, {numbers.plural(len(one), 'seed')}" for name, one in document["seeds"].items()
    )
    orders = next(iter(document["variants"].values()))
    rows = [["honest", "", *cells("honest")]]
    for order in orders:
        if order != "honest":
            rows += [[order, batch, *cells(order, batch)] for batch in orders[order]]
    page = (
        environment(escape=False)
        .get_template("transduction.md.j2")
        .render(
            document=document,
            title=marked(document["dataset"], document["evidence"], "val"),
            table=table(["order", "batch", *seeds], rows),
            orders=orders,
            picture=picture,
        )
    )
    return page + "\n"


def is_block(key: str) -> bool:
    """Whether a column of a history is the gradient of a block."""
    return key.startswith("gradient_") and key.removeprefix("gradient_").isdecimal()
