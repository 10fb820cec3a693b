"""The report: one page of HTML that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from clfer.report.contents import Contents
from clfer.report.dataset_part import DatasetPart
from clfer.report.provenance import other_runs
from clfer.report.published import of_paper
from clfer.report.rendering import environment, sentences
from clfer.report.verdicts import DRAWN
from clfer.scoring.comparison import SEEDS_FOR_A_TEST
from clfer.scoring.selection import TEST

# beside the headline: key in the summary, heading, and whether it is a share
FURTHER = (
    ("kappa", "kappa", False),
    ("top2", "right among the raters' first two, %", True),
    ("ece", "ECE, %", True),
    ("nll", "NLL, nats", False),
    ("kl", "KL to the votes, nats", False),
)
# modules beside the backbone, as the glossary calls them
MODULES = {
    "clfm": "CLFM",
    "clbs": "CLBS",
    "warmup": "warm-up",
    "msr": "MSR",
    "simsiam": "SimSiam",
    "scn": "SCN",
}
MATTERS = ("warnings", "safeguards", "limitations", "what_was_done")


def page(contents: Contents) -> str:
    """The page; the same contents give the same text. Names and words in it are escaped."""
    datasets = [DatasetPart(name, contents) for name in contents.summary["datasets"]]
    functions = (tags, modules, outcome, further, of_paper, other_runs)
    return (
        environment(escape=True)
        .get_template("page.html.j2")
        .render(
            contents=contents,
            datasets=datasets,
            drawn=DRAWN,  # a warning that stands in a box of its own
            title=", ".join(one.name for one in datasets),
            **{one.__name__: one for one in functions},
            **{matter: partial(statements, matter) for matter in MATTERS},
        )
    )


def statements(matter: str, dataset: DatasetPart) -> list[str]:
    """What the files show of a dataset, in sentences.

    warnings:      for boxes that cannot be missed
    safeguards:    what was done so that the numbers hold
    limitations:   what a reader might take from the numbers, and must not
    what_was_done: variants, training and test, as one paragraph
    """
    return sentences(
        f"{matter}.txt.j2", dataset=dataset, modules=modules, seeds_for_a_test=SEEDS_FOR_A_TEST
    )


def modules(card: Mapping[str, Any]) -> str:
    """What a model consists of, in the words of the glossary."""
    here = [word for name, word in MODULES.items() if card["variant"].get(name)]
    return f"backbone with {', '.join(here)}" if here else "plain backbone"


def tags(about: Mapping[str, Any], selected_on: Sequence[str] | str | None) -> list[str]:
    """What belongs beside a heading over numbers, in a few words."""
    drawn = [] if about["evidence"] else ["drawn faces: not evidence"]
    return drawn + (["optimistic: chosen on test"] if TEST in (selected_on or ()) else [])


def outcome(entry: Mapping[str, Any], alpha: float) -> str:
    """What a primary comparison came to, in a word: better, worse, no claim or no test."""
    if entry["p_holm"] is None:
        return "no test"
    if entry["p_holm"] >= alpha:
        return "no claim"
    return "better" if entry["difference"] > 0 else "worse"


def further(dataset: DatasetPart) -> list[tuple[str, str, bool]]:
    """The scores beside the headline that the summary has."""
    return [score for score in FURTHER if dataset.has(score[0])]
