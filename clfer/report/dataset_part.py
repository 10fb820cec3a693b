"""One dataset's part of a report: its results, its images and the models behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clfer.report.contents import Block, Contents

FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide


@dataclass(frozen=True)
class DatasetPart:
    """What the contents hold of the dataset `name`; what is absent is None or empty."""

    name: str
    contents: Contents

    @cached_property
    def results(self) -> Block:
        """The dataset's entry of the summary."""
        results: Block = self.contents.summary["datasets"][self.name]
        return results

    @property
    def variants(self) -> Block:
        """The results of each variant."""
        variants: Block = self.results["variants"]
        return variants

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
