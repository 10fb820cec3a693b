"""The table of an experiment as Markdown, as CSV and as what `clfer report` shows."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from clfer.experiments.plan import DATASETS, Plan
from clfer.experiments.result import shown
from clfer.report.markdown import table as grid
from clfer.report.numbers import estimate as percent
from clfer.report.numbers import marked, probability, span

NONE = "–"
DESCRIPTIVE = (
    "Differences are over the seeds that both have, with the 95 % interval of the paired t; they "
    "are descriptive: no claim rests on them."
)
FAMILY = (
    "Differences are over the seeds that both have, with the 95 % interval of the paired t; p is "
    "Holm's, over the comparisons of this table."
)
LEGEND = (
    "Accuracy: mean ± standard deviation over seeds, with the 95 % interval for other seeds and "
    "other test images; * marks one seed, whose interval covers other images alone."
)


def columns(plan: Plan, dataset: str, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The headings; columns that would be empty are left out."""
    source = "published" if any(one["variant"] is None for one in entries) else "paper"
    heads = [*plan.columns, *(f"{source}, {DATASETS[one]} (%)" for one in shown(plan, dataset))]
    heads.append(f"here, {DATASETS.get(dataset, dataset)} (%)")
    if any(one["against"] for one in entries):
        heads.append("difference (points)")
    if plan.family:
        heads.append("p (Holm)")
    if any("class_recall" in one for one in entries):
        heads.append("of the class found (%)")
    return heads


def rows(plan: Plan, dataset: str, entries: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The cells as text, as many in each row as `columns` has."""
    lines = []
    for entry in entries:
        paper = [entry["paper"].get(one) for one in shown(plan, dataset)]
        cells = [*entry["label"], *(NONE if one is None else f"{one:.2f}" for one in paper)]
        cells.append(percent(entry["accuracy"]))
        if any(one["against"] for one in entries):
            cells.append(difference(entry))
        if plan.family:
            cells.append(NONE if entry["p_holm"] is None else probability(entry["p_holm"]))
        if any("class_recall" in one for one in entries):
            recall = entry.get("class_recall")
            cells.append(NONE if recall is None else f"{100 * recall:.2f}")
        lines.append(cells)
    return lines


def difference(entry: Mapping[str, Any]) -> str:
    """'+1.20 (+0.80 to +1.60)'; with one seed the interval is for other test images and has a *."""
    if entry["difference"] is None:
        return NONE
    bounds, mark = (entry["ci95"], "") if entry["ci95"] else (entry["ci95_images"], "*")
    interval = f" ({span(*bounds)}){mark}" if bounds else ""
    return f"{100 * entry['difference']:+.2f}{interval}"


def notes(plan: Plan, entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a reader has to know, the legend first."""
    compared = any(one["against"] for one in entries)
    return [LEGEND, *([FAMILY if plan.family else DESCRIPTIVE] if compared else []), *plan.notes]


def document(
    name: str,
    plan: Plan,
    dataset: str,
    entries: Sequence[Mapping[str, Any]],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The table as JSON: what is shown, and the numbers behind it under `cells`.

    facts: evidence, selected_on, differs (lines), command, and optionally `more` (notes), `points`
    of a figure, and `beside` (further columns, a cell for each entry under each heading). A
    published method without a number that is shown is left out.
    """
    heads = [*columns(plan, dataset, entries), *facts.get("beside", {})]
    cells = zip(rows(plan, dataset, entries), *facts.get("beside", {}).values(), strict=True)
    lines = [[*row, *more] for row, *more in cells]
    known = shown(plan, dataset)
    told = [one["accuracy"] or any(name in one["paper"] for name in known) for one in entries]
    return {
        "name": name,
        "title": plan.title,
        "question": plan.question,
        "dataset": dataset,
        "evidence": facts["evidence"],
        "selected_on": facts["selected_on"],
        "columns": heads,
        "rows": [row for row, tell in zip(lines, told, strict=True) if tell],
        "notes": [*notes(plan, entries), *facts.get("more", ())],
        "differs": list(facts["differs"]),
        "command": facts["command"],
        "variants": list(plan.variants),
        "seeds": sorted({seed for one in entries for seed in one.get("trained", ())}),
        "points": facts.get("points"),
        "cells": [one for one, tell in zip(entries, told, strict=True) if tell],
    }


def markdown(table: Mapping[str, Any]) -> str:
    """A page of Markdown from what `document` returns, ending with a newline."""
    name = f"{table['title']}, on {DATASETS.get(table['dataset'], table['dataset'])}"
    parts = [
        f"# {marked(name, table['evidence'], table['selected_on'])}",
        table["question"],
        grid(table["columns"], table["rows"]),
        "\n".join(["What differs from the paper:", "", *(f"- {one}" for one in table["differs"])]),
        "\n\n".join(table["notes"]),
        f"Made by `{table['command']}`.",
    ]
    return "\n\n".join(parts) + "\n"


def as_csv(table: Mapping[str, Any]) -> str:
    """The shown table as CSV, headings first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table["columns"])
    writer.writerows(table["rows"])
    return text.getvalue()
