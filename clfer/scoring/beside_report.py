"""The published numbers as a section of the summary's page of Markdown."""

from collections.abc import Mapping
from typing import Any

from clfer.scoring.beside import WELCH
from clfer.scoring.markdown import table
from clfer.scoring.published import OURS, PAPER
from clfer.scoring.verdict import span

HEAD = ("variant", "published", "accuracy (%)", "epoch chosen on", "difference (points)")
LEGEND = (
    "Difference: ours minus the published number, with a 95 % interval for other seeds and other "
    "test images (without seeds where ours is one). Descriptive: no p-value, no claim. What is not "
    "alike stands with each entry of summary.json."
)


def beside(dataset: Mapping[str, Any]) -> str:
    """Verdicts against the paper, a table of all published numbers, and the paper's rule.

    Empty for a dataset without published numbers.
    """
    entries = dataset["published"]
    if not entries:
        return ""
    own = [f"- {one['verdict']}" for one in entries if of_paper(one)]
    rules = [f"- {one['verdict']}" for one in dataset["paper_rule"]]
    parts = [
        "### Beside published numbers",
        "\n".join([*own, *rules]),
        table(HEAD, map(row, entries)),
        LEGEND,
    ]
    return "\n\n".join(part for part in parts if part)


def of_paper(entry: Mapping[str, Any]) -> bool:
    """Whether the published number is one of the paper's."""
    return bool(entry["name"] == PAPER or entry["variant"] != OURS)


def row(entry: Mapping[str, Any]) -> list[str]:
    """'ours', 'FDRL (2021, ResNet-18, MS_Celeb_1M)', '89.47', 'test', '-4.31 (-6.02 to -2.60)'."""
    stated = [str(entry[key]) for key in ("year", "network", "pretrained") if entry[key]]
    origin = f"{entry['name']} ({', '.join(stated)})" if stated else entry["name"]
    test = f", {entry['test']}" if entry["test"] == WELCH else ""
    return [
        entry["variant"],
        origin,
        f"{100 * entry['accuracy']:.2f}",
        entry["protocol"],
        f"{100 * entry['difference']:+.2f} ({span(*entry['ci95'])}{test})",
    ]
