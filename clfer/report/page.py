"""The report: one page of HTML that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from clfer.report.contents import Block, Contents
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
FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide
MATTERS = ("warnings", "safeguards", "limitations", "what_was_done")


@dataclass(frozen=True)
class DatasetPart:
    """What the contents hold of the dataset `name`; what is absent is None or empty."""

    name: str
    contents: Contents

    @cached_property
    def results(self) -> Any:
        """The dataset's entry of the summary."""
        return self.contents.summary["datasets"][self.name]

    @property
    def variants(self) -> Any:
        """The results of each variant."""
        return self.results["variants"]

    @property
    def audit(self) -> Mapping[str, Any] | None:
        """Of its split."""
        return self.contents.audits.get(self.name)

    @property
    def primary(self) -> list[Block]:
        """The comparisons that claims rest on."""
        return [one for one in self.results["comparisons"] if one["primary"]]

    @property
    def seeds(self) -> list[int]:
        """The seeds of any variant, ascending."""
        return sorted({seed for one in self.variants.values() for seed in one["seeds"]})

    @property
    def same_seeds(self) -> list[int]:
        """The seeds that every variant has, if no variant has another; else none."""
        alike = all(one["seeds"] == self.seeds for one in self.variants.values())
        return self.seeds if alike else []

    @cached_property
    def cards(self) -> dict[str, list[Mapping[str, Any]]]:
        """Of each variant the cards of the models that are here, in the order of the seeds."""
        here = self.contents.cards
        return {
            name: [here[cell] for seed in one["seeds"] if (cell := (self.name, name, seed)) in here]
            for name, one in self.variants.items()
        }

    @property
    def provenance(self) -> list[Block]:
        """Where each model that has a card comes from."""
        return [card["provenance"] for cards in self.cards.values() for card in cards]

    @property
    def recipe(self) -> Block | None:
        """The settings of training, of the first model that has a card."""
        return next((one["recipe"] for one in self.provenance), None)

    @property
    def protocol(self) -> Mapping[str, Any]:
        """How the models were tested: `labels`, what labels and images are, and settings."""
        given = self.results["protocol"]
        return given if isinstance(given, Mapping) else {"labels": given}

    @property
    def selected_on(self) -> list[str]:
        """The parts on which the epochs were chosen, one if all is well; sorted."""
        given = [self.results.get("selected_on"), self.protocol.get("selected_on")]
        return sorted({*filter(None, given), *(one["selected_on"] for one in self.provenance)})

    @property
    def copied(self) -> int:
        """Test images with an identical copy in train or val; 0 without an audit."""
        return int(self.audit["test_copied_in_train_or_val"]["images"]) if self.audit else 0

    @property
    def rare(self) -> list[tuple[str, int]]:
        """Classes with few test images, and how many."""
        classes = self.audit["images"]["test"]["classes"] if self.audit else {}
        return [(name, one["used"]) for name, one in classes.items() if one["used"] < FEW_IMAGES]

    @property
    def own_settings(self) -> list[tuple[str, str, Any]]:
        """Variant, key and value of the settings of training that are not those of `recipe`."""
        recipe = self.recipe or {}
        return [
            (name, key, value)
            for name, cards in self.cards.items()
            for card in cards[:1]
            for key, value in card["provenance"]["recipe"].items()
            if recipe.get(key) != value
        ]

    @property
    def seeds_differ(self) -> bool:
        """Whether the models of one variant were trained with unlike settings or modules."""
        return any(
            card["provenance"]["recipe"] != cards[0]["provenance"]["recipe"]
            or card["variant"] != cards[0]["variant"]
            for cards in self.cards.values()
            for card in cards
        )

    def differ(self, key: str) -> bool:
        """Whether the models were not all made with the same of this."""
        return any(one.get(key) != self.provenance[0].get(key) for one in self.provenance)

    def has(self, key: str) -> list[str]:
        """The variants that have a value under this key."""
        return [name for name, one in self.variants.items() if one.get(key) is not None]


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
