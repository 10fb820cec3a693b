"""The report: one page of HTML that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.report import numbers, study, trust
from clfer.report.material import Material
from clfer.report.published import of_paper
from clfer.report.rendering import environment
from clfer.report.verdicts import DRAWN

# beside the headline: key in the summary, heading, and whether it is a share
FURTHER = (
    ("kappa", "kappa", False),
    ("top2", "right among the raters' first two, %", True),
    ("ece", "ECE, %", True),
    ("nll", "NLL, nats", False),
    ("kl", "KL to the votes, nats", False),
)


def page(material: Material) -> str:
    """The page; the same material gives the same text. Names and words in it are escaped."""
    studies = study.studies(material)
    return (
        environment(escape=True)
        .get_template("page.html.j2")
        .render(
            material=material,
            studies=studies,
            title=", ".join(one.name for one in studies),
            trust=trust,
            outcome=outcome,
            further=further,
            heat=heat,
            verdict=verdict,
            of_paper=of_paper,
        )
    )


def verdict(entry: Mapping[str, Any]) -> str:
    """A verdict without the warning that stands in a box of its own."""
    return numbers.prose(entry["verdict"].removeprefix(DRAWN))


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
