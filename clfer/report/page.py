"""The report: one page of HTML that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from clfer.report import numbers, study, trust
from clfer.report.material import Material
from clfer.report.words import DRAWN

# beside the headline: key in the summary, heading, and whether it is a share
FURTHER = (
    ("kappa", "kappa", False),
    ("top2", "right among the raters' first two, %", True),
    ("ece", "ECE, %", True),
    ("nll", "NLL, nats", False),
    ("kl", "KL to the votes, nats", False),
)
TEMPLATES = Path(__file__).parent / "templates"
FILTERS = (
    numbers.count,
    numbers.percent,
    numbers.points,
    numbers.probability,
    numbers.share,
    numbers.plain,
    numbers.between,
    numbers.change,
    numbers.listed,
    numbers.prose,
    study.modules,
    study.done,
)


def page(material: Material) -> str:
    """The page; the same material gives the same text. Names and words in it are escaped."""
    studies = study.studies(material)
    return (
        environment()
        .get_template("page.html.j2")
        .render(material=material, studies=studies, title=", ".join(one.name for one in studies))
    )


@cache
def environment() -> Environment:
    """Templates that escape all they are given, and fail on a name that does not exist."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update({one.__name__: one for one in FILTERS})
    found.filters["verdict"] = lambda said: numbers.prose(said.removeprefix(DRAWN))
    found.tests["numeric"] = numbers.numeric
    found.globals.update(
        warnings=trust.warnings,
        seen_to=trust.seen_to,
        left_open=trust.left_open,
        marks=trust.marks,
        marks_of=trust.marks_of,
        outcome=outcome,
        further=further,
        heat=heat,
    )
    return found


def outcome(entry: Mapping[str, Any], alpha: float) -> str:
    """What a primary comparison came to, in a word: better, worse, no claim or no test."""
    if entry["p_holm"] is None:
        return "no test"
    if entry["p_holm"] >= alpha:
        return "no claim"
    return "better" if entry["difference"] > 0 else "worse"


def further(one: study.Study) -> list[tuple[str, str, bool]]:
    """The scores beside the headline that the summary has."""
    return [score for score in FURTHER if one.has(score[0])]


def heat(counts: Sequence[Sequence[int]]) -> list[list[tuple[int, float]]]:
    """Each cell of a confusion matrix as its count and its share of the row, 0 in an empty row."""
    return [[(cell, cell / max(sum(row), 1)) for cell in row] for row in counts]
