"""Whether the results of a dataset can be trusted: warnings, what was seen to, what is left open.

Every sentence is drawn from the files; where a file is missing, so is its sentence.
"""

from collections.abc import Mapping
from typing import Any

from clfer.report.rendering import sentences
from clfer.report.study import Study
from clfer.scoring.comparison import SEEDS_FOR_A_TEST
from clfer.scoring.selection import TEST

DRAWN = "drawn faces: not evidence"
CHOSEN_ON_TEST = "optimistic: chosen on test"
# Modules beside the backbone, as the glossary calls them.
MODULES = {
    "clfm": "CLFM",
    "clbs": "CLBS",
    "warmup": "warm-up",
    "msr": "MSR",
    "simsiam": "SimSiam",
    "scn": "SCN",
}


def warnings(study: Study) -> list[str]:
    """For boxes that cannot be missed."""
    return sentences("warnings.txt.j2", study=study)


def seen_to(study: Study) -> list[str]:
    """What was done so that the numbers hold."""
    return sentences("seen_to.txt.j2", study=study)


def left_open(study: Study) -> list[str]:
    """What a reader might take from the numbers, and must not."""
    return sentences("left_open.txt.j2", study=study, seeds_for_a_test=SEEDS_FOR_A_TEST)


def done(study: Study) -> str:
    """What was done on a dataset, in a few sentences."""
    return " ".join(sentences("done.txt.j2", study=study, modules=modules))


def modules(card: Mapping[str, Any]) -> str:
    """What a model consists of, in the words of the glossary."""
    here = [word for name, word in MODULES.items() if card["variant"].get(name)]
    return f"backbone with {', '.join(here)}" if here else "plain backbone"


def marks(study: Study) -> list[str]:
    """What belongs beside every heading over numbers, in a few words."""
    return marks_of({"evidence": study.results["evidence"], "selected_on": study.selected_on})


def marks_of(about: Mapping[str, Any]) -> list[str]:
    """The same by what a table or figure says of itself."""
    drawn = [] if about["evidence"] else [DRAWN]
    return drawn + ([CHOSEN_ON_TEST] if TEST in (about.get("selected_on") or ()) else [])
