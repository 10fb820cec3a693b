"""What an experiment consists of: rows of a table, each a variant trained with every seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

DATASETS = {
    "raf_db": "RAF-DB",
    "ferplus": "FERPlus",
    "sfew": "SFEW",
    "affectnet": "AffectNet-7",
}  # as the paper's columns are headed


@dataclass(frozen=True)
class Row:
    """One line of a table.

    label:    its own columns, as many as `Plan.columns`
    variant:  the row of params.yaml's `variants` that is trained for it; None: others published it
    settings: what that row holds
    paper:    what the paper reports, in percent by dataset
    against:  the variant that its accuracy is compared with, if any
    scarce:   the class that training lacks, as which a prediction without confidence is taken
    """

    label: tuple[str, ...]
    variant: str | None
    settings: Mapping[str, Any]
    paper: Mapping[str, float] = field(default_factory=dict)
    against: str | None = None
    scarce: str | None = None


@dataclass(frozen=True)
class Plan:
    """A table or figure of the paper to be made again; `question` is one sentence on what it asks.

    family: whether the comparisons with `against` are one family of tests, corrected by Holm; else
            they are descriptive
    notes:  what a reader has to know beside the legend
    """

    title: str
    question: str
    columns: tuple[str, ...]
    rows: Sequence[Row]
    seeds: tuple[int, ...] | None = None  # instead of the grid's
    family: bool = False
    notes: tuple[str, ...] = ()

    @property
    def variants(self) -> dict[str, Mapping[str, Any]]:
        """What is trained, each once, in the order of the rows."""
        return {row.variant: row.settings for row in self.rows if row.variant}

    def only(self, names: Sequence[str]) -> "Plan":
        """The rows of these variants and published ones; comparisons with others fall away."""
        rows = [
            replace(row, against=row.against if row.against in names else None)
            for row in self.rows
            if row.variant is None or row.variant in names
        ]
        return replace(self, rows=rows)


def changed(settings: Mapping[str, Any], **modules: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a variant with some entries of its modules, or of its recipe, changed."""
    return {
        **settings,
        **{name: {**settings.get(name, {}), **new} for name, new in modules.items()},
    }


def percents(entry: Mapping[str, Any]) -> dict[str, float]:
    """The accuracies in an entry of the paper's tables, by dataset."""
    return {name: float(entry[name]) for name in DATASETS if name in entry}
