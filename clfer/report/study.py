"""One dataset's part of a report: its results, its images and the models behind them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clfer.report.material import Material

FEW_IMAGES = 30  # of a class: Wilson's interval of a recall of one half is then 34 points wide


@dataclass(frozen=True)
class Study:
    """`results` is the dataset's part of the summary, `audit` counts its copies, `cards` are the
    models' by variant and seed, `recipes_now` what params.yaml says now, by variant; `audit` is
    None and cards and recipes are missing where the files are.
    """

    name: str
    results: Mapping[str, Any]
    baseline: str
    alpha: float
    audit: Mapping[str, Any] | None
    cards: Mapping[tuple[str, int], Mapping[str, Any]]
    recipes_now: Mapping[str, Mapping[str, Any]]

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
    def against_baseline(self) -> dict[str, Mapping[str, Any]]:
        """The primary comparison of each variant that has one."""
        return {one["a"]: one for one in self.primary}

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

    @property
    def fewest_seeds(self) -> int:
        """Of any variant."""
        return min(len(one["seeds"]) for one in self.variants.values())

    @property
    def covered(self) -> set[str]:
        """The chances that the intervals of the accuracies are for."""
        return {one["accuracy"]["covers"] for one in self.variants.values()}

    @property
    def provenance(self) -> list[Mapping[str, Any]]:
        """Where each model that has a card comes from."""
        return [self.cards[cell]["provenance"] for cell in self.cells if cell in self.cards]

    @property
    def recipe(self) -> Mapping[str, Any] | None:
        """The settings of training, of the first model that has a card."""
        return next((one["recipe"] for one in self.provenance), None)

    @property
    def selected_on(self) -> list[str]:
        """The parts on which the epochs were chosen, one if all is well; sorted."""
        protocol = self.results["protocol"]
        parts = [self.results.get("selected_on")]
        if isinstance(protocol, Mapping):
            parts.append(protocol.get("selected_on"))
        parts += [one["selected_on"] for one in self.provenance]
        return sorted({part for part in parts if part})

    @property
    def protocol(self) -> str:
        """What the labels and images are, in words."""
        given = self.results["protocol"]
        return str(given.get("labels", "") if isinstance(given, Mapping) else given)

    @property
    def duplicates(self) -> str | None:
        """What was done about copies, as the parameter says it: drop or keep."""
        given = self.results["protocol"]
        return given.get("duplicates") if isinstance(given, Mapping) else None

    @property
    def copied(self) -> int:
        """Test images with an identical copy in train or val; 0 without an audit."""
        return int(self.audit["test_copied_in_train_or_val"]["images"]) if self.audit else 0

    @property
    def without_copies(self) -> int:
        """Test images without such a copy."""
        return int(max(one["duplicate_free"]["test_images"] for one in self.variants.values()))

    @property
    def rare(self) -> list[tuple[str, int]]:
        """Classes with few test images, and how many."""
        classes = self.audit["images"]["test"]["classes"] if self.audit else {}
        return [(name, one["used"]) for name, one in classes.items() if one["used"] < FEW_IMAGES]

    @property
    def unfinished(self) -> int:
        """Models whose last epoch was their best."""
        return sum(one["epoch"] == one["recipe"]["epochs"] for one in self.provenance)

    @property
    def changed(self) -> list[tuple[str, Any, Any]]:
        """Settings that are not as in params.yaml now: key, of the model, now ("gone")."""
        apart = [
            (key, then, now.get(key, "gone"))
            for variant, now in self.recipes_now.items()
            for one in self.of(variant)
            for key, then in one["recipe"].items()
            if key not in now or now[key] != then
        ]
        return [one for place, one in enumerate(apart) if one not in apart[:place]]

    @property
    def own_settings(self) -> list[tuple[str, str, Any]]:
        """Variant, key and value of the settings that are not those of `recipe`."""
        return [
            (name, key, value) for name in self.variants for key, value in self.own(name).items()
        ]

    @property
    def seeds_differ(self) -> bool:
        """Whether the models of one variant were trained with unlike settings."""
        return any(unlike(self.of(name), "recipe") for name in self.variants)

    def differ(self, key: str) -> bool:
        """Whether the models were not all made with the same of this."""
        return unlike(self.provenance, key)

    def of(self, variant: str) -> list[Mapping[str, Any]]:
        """Where the models of one variant come from, those that have a card, by seed."""
        return [one for one in self.provenance if one["variant"] == variant]

    def card(self, variant: str) -> Mapping[str, Any] | None:
        """The card of the first model of a variant that has one."""
        return next((card for cell, card in self.cards.items() if cell[0] == variant), None)

    def own(self, variant: str) -> dict[str, Any]:
        """The settings of a variant's training that are not those of `recipe`."""
        recipe = self.recipe or {}
        own: Mapping[str, Any] = next((one["recipe"] for one in self.of(variant)), {})
        return {key: value for key, value in own.items() if recipe.get(key) != value}

    def used(self, part: str) -> int | None:
        """Images of a part of the split."""
        return self.audit["images"][part]["used"] if self.audit else None

    def has(self, key: str) -> list[str]:
        """The variants that have a value under this key."""
        return [name for name, one in self.variants.items() if one.get(key) is not None]


def studies(material: Material) -> list[Study]:
    """The datasets of a summary, in its order."""
    summary = material.summary
    return [
        Study(
            name,
            results,
            summary["baseline"],
            summary["alpha"],
            material.audits.get(name),
            {cell[1:]: card for cell, card in material.cards.items() if cell[0] == name},
            {key[1]: recipe for key, recipe in material.recipes.items() if key[0] == name},
        )
        for name, results in summary["datasets"].items()
    ]


def unlike(models: list[Mapping[str, Any]], key: str) -> bool:
    """Whether the models are not all the same in this."""
    return any(one.get(key) != models[0].get(key) for one in models)
