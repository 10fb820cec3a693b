"""One dataset's part of a report: its results, its images and the models behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clfer.report.material import Material

# of a model that none of these has, nothing is there beside the backbone
MODULES = {
    "clfm": "contrast of feature maps across blocks (CLFM)",
    "clbs": "contrast of samples across blocks (CLBS)",
    "msr": "multi-scale representation (MSR)",
    "simsiam": "SimSiam's contrast of two views",
    "scn": "the Self-Cure Network",
}


@dataclass(frozen=True)
class Study:
    """`found` is the dataset's part of the summary, `audit` counts its copies, `cards` are the
    models' by variant and seed; `audit` is None and cards are missing where the files are.
    """

    name: str
    found: Mapping[str, Any]
    baseline: str
    alpha: float
    audit: Mapping[str, Any] | None
    cards: Mapping[tuple[str, int], Mapping[str, Any]]
    recipe_now: Mapping[str, Any] | None

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
            material.recipes.get(name),
        )
        for name, found in summary["datasets"].items()
    ]


def modules(card: Mapping[str, Any]) -> str:
    """What a model has beside the backbone, in words."""
    here = [words for name, words in MODULES.items() if card["variant"].get(name)]
    return ", ".join(here) or "the plain backbone"


def done(study: Study) -> str:
    """What was done on a dataset, in a sentence or three."""
    names = list(study.found["variants"])
    seeds = sorted({seed for _, seed in study.cells})
    text = f"{plural(len(names), 'variant')} ({', '.join(names)}) "
    text += f"{'was' if len(names) == 1 else 'were'} trained with {plural(len(seeds), 'seed')}"
    text += " each." if len(seeds) > 1 and len(names) > 1 else "."
    recipe, images = study.recipe, study.used("train")
    if recipe:
        start = {"none": "from scratch", "imagenet": "from ImageNet weights"}
        text += (
            f" The network is a {recipe['backbone']}, trained "
            f"{start.get(recipe['weights'], 'from the weights in ' + recipe['weights'])} at "
            f"{recipe['crop']} px for {plural(recipe['epochs'], 'epoch')} in batches of "
            f"{recipe['batch_size']}"
        )
        text += f" on {images:,} images." if images else "."
    tested = f"{study.found['test_images']:,} images of {len(study.found['classes'])} classes"
    return f"{text} It was tested on {tested}."


def plural(number: int, word: str) -> str:
    """'1 seed', '3 seeds'."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def differing(provenance: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether the models were not all made with the same of this."""
    return any(one.get(key) != provenance[0].get(key) for one in provenance)
