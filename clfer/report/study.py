"""One dataset's part of a report: its results, its images and the models behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clfer.report.material import Material
from clfer.report.numbers import plural

# beside the backbone, as the glossary calls them
MODULES = {
    "clfm": "CLFM",
    "clbs": "CLBS",
    "warmup": "warm-up",
    "msr": "MSR",
    "simsiam": "SimSiam",
    "scn": "SCN",
}


@dataclass(frozen=True)
class Study:
    """`found` is the dataset's part of the summary, `audit` counts its copies, `cards` are the
    models' by variant and seed, `recipes_now` what params.yaml says now, by variant; `audit` is
    None and cards and recipes are missing where the files are.
    """

    name: str
    found: Mapping[str, Any]
    baseline: str
    alpha: float
    audit: Mapping[str, Any] | None
    cards: Mapping[tuple[str, int], Mapping[str, Any]]
    recipes_now: Mapping[str, Mapping[str, Any]]

    @property
    def primary(self) -> list[Mapping[str, Any]]:
        """The comparisons that claims rest on."""
        return [one for one in self.found["comparisons"] if one["primary"]]

    @property
    def against_baseline(self) -> dict[str, Mapping[str, Any]]:
        """The primary comparison of each variant that has one."""
        return {one["a"]: one for one in self.primary}

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Variant and seed of every run that the results rest on."""
        return [
            (name, seed) for name, one in self.found["variants"].items() for seed in one["seeds"]
        ]

    @property
    def provenance(self) -> list[Mapping[str, Any]]:
        """Where each model that has a card comes from."""
        return [self.cards[cell]["provenance"] for cell in self.cells if cell in self.cards]

    @property
    def recipe(self) -> Mapping[str, Any] | None:
        """The settings of training, of the first model that tells."""
        return next((one["recipe"] for one in self.provenance), None)

    @property
    def selected_on(self) -> list[str]:
        """The parts on which the epochs were chosen, one if all is well; sorted."""
        protocol = self.found["protocol"]
        said = [self.found.get("selected_on")]
        if isinstance(protocol, Mapping):
            said.append(protocol.get("selected_on"))
        said += [one["selected_on"] for one in self.provenance]
        return sorted({part for part in said if part})

    @property
    def protocol(self) -> str:
        """What the labels and images are, in words."""
        given = self.found["protocol"]
        return str(given.get("labels", "") if isinstance(given, Mapping) else given)

    @property
    def duplicates(self) -> str | None:
        """What was done about copies, as the parameter says it: drop or keep."""
        given = self.found["protocol"]
        return given.get("duplicates") if isinstance(given, Mapping) else None

    def of(self, variant: str) -> list[Mapping[str, Any]]:
        """Where the models of one variant come from, those that have a card, by seed."""
        return [one for one in self.provenance if one["variant"] == variant]

    def card(self, variant: str) -> Mapping[str, Any] | None:
        """The card of the first model of a variant that has one."""
        cells = (cell for cell in self.cells if cell[0] == variant and cell in self.cards)
        return next((self.cards[cell] for cell in cells), None)

    def own(self, variant: str) -> dict[str, Any]:
        """The settings of a variant's training that are not those of `recipe`."""
        recipe, told = self.recipe, self.of(variant)
        if recipe is None or not told:
            return {}
        return {key: value for key, value in told[0]["recipe"].items() if recipe.get(key) != value}

    def used(self, part: str) -> int | None:
        """Images of a part of the split."""
        return self.audit["images"][part]["used"] if self.audit else None

    def has(self, key: str) -> list[str]:
        """The variants that have a value under this key."""
        return [name for name, one in self.found["variants"].items() if one.get(key) is not None]


def studies(material: Material) -> list[Study]:
    """The datasets of a summary, in its order."""
    summary = material.summary
    return [
        Study(
            name,
            found,
            summary["baseline"],
            summary["alpha"],
            material.audits.get(name),
            {cell[1:]: card for cell, card in material.cards.items() if cell[0] == name},
            {key[1]: recipe for key, recipe in material.recipes.items() if key[0] == name},
        )
        for name, found in summary["datasets"].items()
    ]


def modules(card: Mapping[str, Any]) -> str:
    """What a model consists of, in the words of the glossary."""
    here = [word for name, word in MODULES.items() if card["variant"].get(name)]
    return f"backbone with {', '.join(here)}" if here else "plain backbone"


def done(study: Study) -> str:
    """What was done on a dataset, in a few sentences."""
    seeds = sorted({seed for _, seed in study.cells})
    variants = [described(study, name) for name in study.found["variants"]]
    text = f"{plural(len(variants), 'variant')} with {plural(len(seeds), 'seed')}"
    text += f" each: {'; '.join(variants)}. " if len(variants) > 1 else f": {variants[0]}. "
    recipe, images = study.recipe, study.used("train")
    if recipe:
        start = {"none": "from scratch", "imagenet": "from ImageNet weights"}
        text += (
            f"The network is a {recipe['backbone']}, trained "
            f"{start.get(recipe['weights'], 'from the weights in ' + recipe['weights'])} at "
            f"{recipe['crop']} px for {plural(recipe['epochs'], 'epoch')} in batches of "
            f"{recipe['batch_size']}"
        )
        text += f" on {images:,} images{withheld(recipe)}. " if images else f"{withheld(recipe)}. "
    classes = plural(len(study.found["classes"]), "class", "es")
    return f"{text}It was tested on {study.found['test_images']:,} images of {classes}."


def withheld(recipe: Mapping[str, Any]) -> str:
    """What of the training part was not used, as the end of a sentence on how many it has."""
    share, scarce = recipe.get("labelled_fraction", 1), recipe.get("scarce_class")
    text = ""
    if share < 1:
        others = "left out" if recipe["unlabelled"] == "drop" else "seen without a label"
        text += f", of which {100 * share:.3g} % with their label and the others {others}"
    if scarce is not None:
        text += f", {100 * recipe['scarce_kept']:.3g} % of those labelled {scarce} kept"
    return text


def described(study: Study, variant: str) -> str:
    """A variant's name, and what it consists of where that is known."""
    card = study.card(variant)
    return f"{variant} ({modules(card)})" if card else variant


def differing(provenance: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether the models were not all made with the same of this."""
    return any(one.get(key) != provenance[0].get(key) for one in provenance)
