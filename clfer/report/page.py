"""The report: one page of HTML that needs no other file and no network."""

from collections.abc import Mapping, Sequence
from functools import partial
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


class DatasetPart:
    """What the contents hold of the dataset `name`; what is absent is None or empty.

    results:     its entry of the summary, of which `variants` and the comparisons that claims rest
                 on (`primary`) are parts
    audit:       of its split
    seeds:       of any variant, ascending; same_seeds: those, if every variant has them all
    cards:       of each variant, of the models that are here, in the order of the seeds
    provenance:  where each model that has a card comes from
    recipe:      the settings of training, of the first model that has a card
    protocol:    how the models were tested: `labels`, what labels and images are, and settings
    selected_on: the parts on which the epochs were chosen, one if all is well; sorted
    copied:      test images with an identical copy in train or val; 0 without an audit
    rare:        classes with few test images, and how many
    """

    def __init__(self, name: str, contents: Contents) -> None:
        self.name, self.contents = name, contents
        self.results: Block = contents.summary["datasets"][name]
        self.variants: Block = self.results["variants"]
        self.primary = [one for one in self.results["comparisons"] if one["primary"]]
        self.audit = contents.audits.get(name)
        self.seeds = sorted({seed for one in self.variants.values() for seed in one["seeds"]})
        alike = all(one["seeds"] == self.seeds for one in self.variants.values())
        self.same_seeds = self.seeds if alike else []
        self.cards = {
            variant: [
                contents.cards[name, variant, seed]
                for seed in one["seeds"]
                if (name, variant, seed) in contents.cards
            ]
            for variant, one in self.variants.items()
        }
        self.provenance: list[Block] = [
            card["provenance"] for cards in self.cards.values() for card in cards
        ]
        self.recipe: Block | None = next((one["recipe"] for one in self.provenance), None)
        given = self.results["protocol"]
        self.protocol: Block = given if isinstance(given, dict) else {"labels": given}
        named = [self.results.get("selected_on"), self.protocol.get("selected_on")]
        named += [one["selected_on"] for one in self.provenance]
        self.selected_on = sorted({*filter(None, named)})
        audit = self.audit or {}
        self.copied = audit["test_copied_in_train_or_val"]["images"] if audit else 0
        classes = audit["images"]["test"]["classes"] if audit else {}
        self.rare = [
            (label, one["used"]) for label, one in classes.items() if one["used"] < FEW_IMAGES
        ]

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
