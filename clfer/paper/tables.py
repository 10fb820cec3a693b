"""The paper's tables and figures as plans: rows, each a variant that is trained with every seed.

A function that makes a plan takes the rows of params.yaml's `variants` and uses those it needs. The
words around a table stand in clfer/report/templates/experiments.yaml.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

from clfer.datasets.expressions import canonical
from clfer.errors import InputError
from clfer.paper import published

Settings = Mapping[str, Any]
Variants = Mapping[str, Settings]
Label = tuple[str, ...]
Percents = Mapping[str, float]  # by dataset

DATASETS = ("raf_db", "ferplus", "sfew", "affectnet")  # in the order of the paper's columns
COMPARED = ("baseline", "msr", "cl", "ours")
SHARE = 0.2  # of the labels, in Table II
METHODS3 = {"baseline": "baseline", "scn": "SCN", "ours": "CL+MSR"}  # in Table III's order
K_FM = (2, 3, 4, 5, 6, 8)
K_BS = (3, 5, 7, 9, 11)
LEAKED = ("baseline", "ours")
SUBSETS = ("all", "with a copy elsewhere", "without")  # of the test images


@dataclass(frozen=True)
class Row:
    """One line of a table.

    label:    its own columns
    variant:  the row of params.yaml's `variants` that is trained for it; None: others published it
    settings: what that row holds
    paper:    what the paper reports, in percent by dataset
    against:  the variant that its accuracy is compared with, if any
    scarce:   the class that training lacks, as which a prediction without confidence is taken
    """

    label: Label
    variant: str | None
    settings: Settings
    paper: Percents = field(default_factory=dict)
    against: str | None = None
    scarce: str | None = None


@dataclass(frozen=True)
class Plan:
    """A table or figure to be made again.

    seeds:  instead of the grid's
    family: whether the comparisons with `against` are one family of tests, corrected by Holm; else
            they are descriptive
    """

    name: str
    rows: Sequence[Row]
    seeds: tuple[int, ...] | None = None
    family: bool = False

    @property
    def variants(self) -> dict[str, Settings]:
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


def comparison(variants: Variants, chosen: Sequence[str] = COMPARED) -> Plan:
    """Rows of `variants` as they are."""
    return Plan("comparison", [Row((name,), name, variants[name]) for name in chosen])


def table2(variants: Variants) -> Plan:
    """Partial supervision."""
    known = published.tables()["table2_partial_supervision"]
    drop, keep = ({"labelled_fraction": SHARE, "unlabelled": one} for one in ("drop", "keep"))
    few = ("20 % with labels", "_20", drop, "20_supervised")
    some = ("20 % with, 80 % without", "_20_80", keep, "20_supervised_80_unsupervised")
    every: tuple[str, str, Settings, str] = ("all with labels", "", {}, "100_supervised")
    rows = []
    for method, base, (seen, share, recipe, entry) in (
        ("baseline", "baseline", few),
        ("CL+MSR", "ours", few),
        ("SimSiam", "simsiam", some),
        ("CL+MSR", "ours", some),
        ("baseline", "baseline", every),
        ("CL+MSR", "ours", every),
    ):
        settings = _changed(variants[base], recipe=recipe) if recipe else variants[base]
        paper = _percents(known[f"{base}_{entry}"])
        rows.append(_row((method, seen), base + share, settings, paper))
    return Plan("table2", rows)


def table3(variants: Variants, categories: Sequence[str], kept: Sequence[int]) -> Plan:
    """Training that lacks most of one class, or all of it: percent `kept` of each category."""
    paper = {  # on RAF-DB alone
        (int(share), canonical(name)): values
        for share, listed in published.tables()["table3_category_removal"].items()
        for name, values in listed.items()
    }
    rows = []
    folders = {name: re.sub(r"[^\w-]", "_", name) for name in categories}
    for one, other in combinations(categories, 2):
        if folders[one].casefold() == folders[other].casefold():
            raise InputError(
                f"table3: expected classes that differ in letters or digits, found {one!r} and "
                f"{other!r}, whose models would share a folder; rename one, or name the classes "
                "by --categories"
            )
    for share in kept:
        for category in categories:
            values = paper.get((share, canonical(category) or category))
            recipe = {"scarce_class": category, "scarce_kept": share / 100}
            named = f"{share}_{folders[category]}"
            for place, (base, method) in enumerate(METHODS3.items()):
                row = _row(
                    (f"{share} %", category, method),
                    f"{base}_{named}",
                    _changed(variants[base], recipe=recipe),
                    {"raf_db": float(values[place])} if values else {},
                    against=f"baseline_{named}",
                )
                rows.append(replace(row, scarce=category))
    return Plan("table3", rows)


def table4(variants: Variants) -> Plan:
    """The ablation: which module helps."""
    rows = []
    for name, entry in zip(published.TABLE4, published.tables()["table4_ablation"], strict=True):
        marks = ("yes" if entry[part] else "–" for part in ("msr", "clfm", "clbs"))
        rows.append(_row((name, *marks), name, variants[name], _percents(entry)))
    return Plan("table4", rows, family=True)


def table5(variants: Variants) -> Plan:
    """The weights alpha and beta of the layers, of one value in both losses."""
    rows = []
    for entry in published.tables()["table5_weights"]:
        weights = [float(one) for one in entry["weights"]]
        settings = _changed(variants["ours"], clfm={"alpha": weights}, clbs={"beta": weights})
        name = "ours_w" + "_".join(f"{100 * one:.0f}" for one in weights)
        label = tuple(f"{one:g}" for one in weights)
        rows.append(_of_ours(variants["ours"], label, name, settings, _percents(entry)))
    return Plan("table5", rows)


def table6(variants: Variants) -> Plan:
    """The centers of CLBS."""
    known = published.tables()["table6_centers"]
    rows = [
        _row((label,), name, variants[name], _percents(known[entry]))
        for label, name, entry in (
            ("baseline", "baseline", "baseline"),
            ("centers by class (eq. 12)", "class_center", "class_center"),
            ("centers by K-means", "ours", "kmeans_center"),
        )
    ]
    return Plan("table6", rows)


def table7(variants: Variants) -> Plan:
    """Ours beside what others have published, a row for each method."""
    others: dict[tuple[str, ...], dict[str, float]] = {}
    for dataset in DATASETS:
        for one in published.published(dataset):
            facts = (one.year, one.network, one.pretrained, one.protocol)
            label = (one.name, *("–" if fact is None else str(fact) for fact in facts))
            others.setdefault(label, {})[dataset] = 100 * one.accuracy
    known, here = published.tables(), ("–", "–", "–", "see below")
    rows = [
        _row((f"{label}, here", *here), name, variants[name], _percents(known[entry]))
        for label, name, entry in (
            ("baseline", "baseline", "baseline"),
            ("CL+MSR", "ours", "headline"),
        )
    ]
    return Plan("table7", [*rows, *(Row(label, None, {}, one) for label, one in others.items())])


def table8(variants: Variants) -> Plan:
    """The spread over ten seeds, and the paper's rule."""
    paper = {name: float(row["mean"]) for name, row in published.tables()["table8_seeds"].items()}
    return Plan("table8", [Row(("CL+MSR",), "ours", variants["ours"], paper)], tuple(range(10)))


def figure5(variants: Variants) -> Plan:
    """The learning intensity of the blocks."""
    names = {"baseline": "baseline", "CL+MSR": "ours"}
    return Plan("figure5", [_row((label,), one, variants[one], {}) for label, one in names.items()])


def figure8(variants: Variants, classes: Sequence[str]) -> Plan:
    """The number of clusters; in CLBS null stands for the number of classes."""
    ours, rows = variants["ours"], []
    for k in K_FM:
        settings = _changed(ours, clfm={"k": k})
        rows.append(_of_ours(ours, ("K_FM (CLFM)", str(k)), f"ours_kfm{k}", settings, {}))
    for k in sorted({*K_BS, len(classes)}):
        settings = _changed(ours, clbs={"k": None if k == len(classes) else k})
        rows.append(_of_ours(ours, ("K_BS (CLBS)", str(k)), f"ours_kbs{k}", settings, {}))
    return Plan("figure8", rows)


def leakage(variants: Sequence[str] = LEAKED) -> Plan:
    """Copies of test images kept in training, and dropped, for each subset and variant."""
    rows = []
    for subset in SUBSETS:
        for variant in variants:
            kept, dropped = leaked(variant, True), leaked(variant, False)
            rows.append(Row((subset, variant, "kept"), kept, {}, against=dropped))
            rows.append(Row((subset, variant, "dropped"), dropped, {}))
    return Plan("leakage", rows)


def leaked(variant: str, kept: bool) -> str:
    """The name of a variant by how it was trained."""
    return f"{variant}, copies {'kept' if kept else 'dropped'}"


def _row(
    label: Label, name: str, settings: Settings, paper: Percents, against: str = "baseline"
) -> Row:
    """A row that is compared with another variant, unless it is of that one."""
    return Row(label, name, settings, paper, None if name == against else against)


def _of_ours(ours: Settings, label: Label, name: str, settings: Settings, paper: Percents) -> Row:
    """A row derived from `ours`, which is `ours` itself where nothing differs: no cell twice."""
    return _row(label, "ours" if settings == ours else name, settings, paper, against="ours")


def _changed(settings: Settings, **modules: Settings) -> dict[str, Any]:
    """The settings of a variant with some entries of its modules, or of its recipe, changed."""
    return {**settings, **{name: {**settings.get(name, {}), **modules[name]} for name in modules}}


def _percents(entry: Mapping[str, Any]) -> dict[str, float]:
    """The accuracies in an entry of the paper's tables, by dataset."""
    return {name: float(entry[name]) for name in DATASETS if name in entry}
