"""One dataset's part of a report: its results, its images and the models behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from clfer.report.contents import Contents

FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide


@dataclass(frozen=True)
class DatasetPart:
    """What the contents hold of the dataset `name`; what is absent is None or empty."""

    name: str
    contents: Contents

    @cached_property
    def results(self) -> Mapping[str, Any]:
        """The dataset's entry of the summary."""
        results: Mapping[str, Any] = self.contents.summary["datasets"][self.name]
        return results

    @property
    def audit(self) -> Mapping[str, Any] | None:
        """Of its split."""
        return self.contents.audits.get(self.name)

    @property
    def variants(self) -> Mapping[str, Any]:
        """The results of each variant."""
        variants: Mapping[str, Any] = self.results["variants"]
        return variants

    @property
    def primary(self) -> list[Mapping[str, Any]]:
        """The comparisons that claims rest on."""
        return [one for one in self.results["comparisons"] if one["primary"]]

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Variant and seed of every run that the results rest on."""
        return [(name, seed) for name, one in self.variants.items() for seed in one["seeds"]]

    @property
    def seeds(self) -> list[int]:
        """The seeds of any variant, ascending."""
        return sorted({seed for _, seed in self.cells})

    @property
    def same_seeds(self) -> list[int]:
        """The seeds that every variant has, if no variant has another; else none."""
        alike = all(one["seeds"] == self.seeds for one in self.variants.values())
        return self.seeds if alike else []

    @cached_property
    def cards(self) -> dict[tuple[str, int], Mapping[str, Any]]:
        """The cards that there are, by variant and seed, in the order of `cells`."""
        there = self.contents.cards
        keys = {cell: (self.name, *cell) for cell in self.cells}
        return {cell: there[key] for cell, key in keys.items() if key in there}

    @property
    def provenance(self) -> list[Mapping[str, Any]]:
        """Where each model that has a card comes from."""
        return [card["provenance"] for card in self.cards.values()]

    @property
    def recipe(self) -> Mapping[str, Any] | None:
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
        """Variant, key and value of the settings that are not those of `recipe`."""
        return [
            (name, key, value) for name in self.variants for key, value in self.own(name).items()
        ]

    @property
    def seeds_differ(self) -> bool:
        """Whether the models of one variant were trained with unlike settings or modules."""
        return any(
            card["provenance"]["recipe"] != first["provenance"]["recipe"]
            or card["variant"] != first["variant"]
            for (name, _), card in self.cards.items()
            if (first := self.card(name))
        )

    def differ(self, key: str) -> bool:
        """Whether the models were not all made with the same of this."""
        return any(one.get(key) != self.provenance[0].get(key) for one in self.provenance)

    def of(self, variant: str) -> list[Mapping[str, Any]]:
        """Where the models of one variant come from, those that have a card, by seed."""
        return [card["provenance"] for (name, _), card in self.cards.items() if name == variant]

    def card(self, variant: str) -> Mapping[str, Any] | None:
        """The card of the first model of a variant that has one."""
        return next((card for (name, _), card in self.cards.items() if name == variant), None)

    def own(self, variant: str) -> dict[str, Any]:
        """The settings of a variant's training that are not those of `recipe`."""
        recipe = self.recipe or {}
        own: Mapping[str, Any] = next((one["recipe"] for one in self.of(variant)), {})
        return {key: value for key, value in own.items() if recipe.get(key) != value}

    def has(self, key: str) -> list[str]:
        """The variants that have a value under this key."""
        return [name for name, one in self.variants.items() if one.get(key) is not None]
