"""The paper's tables and its Figure 8 as plans; Table III is in scarcity.py.

Every function takes the rows of params.yaml's `variants`, of which it uses those that it needs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.experiments.plan import DATASETS, Plan, Row, changed, percents
from clfer.scoring import published

Variants = Mapping[str, Mapping[str, Any]]
TABLE4 = ("baseline", "clbs", "clfm", "cl", "msr", "msr_clbs", "msr_clfm", "ours")
SEEDS8 = tuple(range(10))
SHARE = 0.2  # of the labels, in Table II
K_FM = (2, 3, 4, 5, 6, 8)
K_BS = (3, 5, 7, 9, 11)


def comparison(variants: Variants, chosen: Sequence[str]) -> Plan:
    """Rows of `variants` as they are."""
    return Plan(
        title="Comparison of variants",
        question="Which variant is better than the baseline?",
        columns=("variant",),
        rows=[Row((name,), name, variants[name]) for name in chosen],
    )


def table2(variants: Variants) -> Plan:
    """Partial supervision."""
    known = published.tables()["table2_partial_supervision"]
    few = {"labelled_fraction": SHARE, "unlabelled": "drop"}
    some = {"labelled_fraction": SHARE, "unlabelled": "keep"}

    def row(method: str, seen: str, name: str, recipe: Mapping[str, Any], entry: str) -> Row:
        base = variants[name.split("_")[0]]
        settings = changed(base, recipe=recipe) if recipe else base
        against = None if name == "baseline" else "baseline"
        return Row((method, seen), name, settings, percents(known[entry]), against)

    return Plan(
        title="Table II: partial supervision",
        question="How much of what all labels give is reached with one label in five?",
        columns=("method", "training images"),
        rows=[
            row("baseline", "20 % with labels", "baseline_20", few, "baseline_20_supervised"),
            row("CL+MSR", "20 % with labels", "ours_20", few, "ours_20_supervised"),
            row(
                "SimSiam",
                "20 % with, 80 % without",
                "simsiam_20_80",
                some,
                "simsiam_20_supervised_80_unsupervised",
            ),
            row(
                "CL+MSR",
                "20 % with, 80 % without",
                "ours_20_80",
                some,
                "ours_20_supervised_80_unsupervised",
            ),
            row("baseline", "all with labels", "baseline", {}, "baseline_100_supervised"),
            row("CL+MSR", "all with labels", "ours", {}, "ours_100_supervised"),
        ],
        notes=(
            "Which images keep their label differs from seed to seed and is the same for every "
            "method of a seed. Differences are to the baseline with all labels.",
        ),
    )


def table4(variants: Variants) -> Plan:
    """The ablation: which module helps."""
    rows = []
    for name in TABLE4:
        modules = tuple(part in variants[name] for part in ("msr", "clfm", "clbs"))
        entry = next(
            one
            for one in published.tables()["table4_ablation"]
            if (one["msr"], one["clfm"], one["clbs"]) == modules
        )
        marks = tuple("yes" if one else "–" for one in modules)
        against = None if name == "baseline" else "baseline"
        rows.append(Row((name, *marks), name, variants[name], percents(entry), against))
    return Plan(
        title="Table IV: ablation",
        question="Which of the modules helps, alone and together?",
        columns=("variant", "MSR", "CLFM", "CLBS"),
        rows=rows,
        family=True,
    )


def table5(variants: Variants) -> Plan:
    """The weights alpha and beta of the layers, of one value in both losses."""
    rows = []
    for entry in published.tables()["table5_weights"]:
        weights = [float(one) for one in entry["weights"]]
        settings = changed(variants["ours"], clfm={"alpha": weights}, clbs={"beta": weights})
        name = "ours_w" + "_".join(f"{100 * one:.0f}" for one in weights)
        label = tuple(f"{one:g}" for one in weights)
        rows.append(row_of(variants, label, name, settings, percents(entry)))
    return Plan(
        title="Table V: weights of the contrastive losses",
        question="Which layers shall the deepest one be contrasted with, and how strongly?",
        columns=("α₁ = β₁", "α₂ = β₂", "α₃ = β₃"),
        rows=rows,
    )


def table6(variants: Variants) -> Plan:
    """The centers of CLBS."""
    known = published.tables()["table6_centers"]
    labels = {
        "baseline": ("baseline", "baseline"),
        "class_center": ("centers by class (eq. 12)", "class_center"),
        "ours": ("centers by K-means", "kmeans_center"),
    }
    return Plan(
        title="Table VI: centers of CLBS",
        question="Are centers found by clustering better than those of the classes?",
        columns=("method",),
        rows=[
            Row(
                (label,),
                name,
                variants[name],
                percents(known[entry]),
                None if name == "baseline" else "baseline",
            )
            for name, (label, entry) in labels.items()
        ],
    )


def table7(variants: Variants) -> Plan:
    """Ours beside what others have published."""
    known = published.tables()
    here = ("–", "–", "–", "see below")
    return Plan(
        title="Table VII: beside published methods",
        question="Where do the numbers of this run stand among published ones?",
        columns=("method", "year", "network", "pre-training", "epoch chosen on"),
        rows=[
            Row(
                ("baseline, here", *here),
                "baseline",
                variants["baseline"],
                percents(known["baseline"]),
            ),
            Row(
                ("CL+MSR, here", *here),
                "ours",
                variants["ours"],
                percents(known["headline"]),
                against="baseline",
            ),
            *others(),
        ],
        notes=(
            "`test`: the published epoch is the best on the test images; `contested`: others could "
            "not reproduce it; `unknown`: not stated. Numbers under different protocols, networks "
            "and pre-training don't compare.",
        ),
    )


def others() -> list[Row]:
    """What others have published, a row for each method, by its accuracies in percent."""
    rows: dict[tuple[str, ...], dict[str, float]] = {}
    for dataset in DATASETS:
        for one in published.published(dataset):
            facts = (one.year, one.network, one.pretrained, one.protocol)
            label = (one.name, *("–" if fact is None else str(fact) for fact in facts))
            rows.setdefault(label, {})[dataset] = 100 * one.accuracy
    return [Row(label, None, {}, accuracies) for label, accuracies in rows.items()]


def table8(variants: Variants) -> Plan:
    """The spread over ten seeds, and the paper's rule."""
    known = published.tables()["table8_seeds"]
    paper = {name: float(entry["mean"]) for name, entry in known.items()}
    return Plan(
        title="Table VIII: ten seeds",
        question="How far does the accuracy vary from seed to seed?",
        columns=("method",),
        rows=[Row(("CL+MSR",), "ours", variants["ours"], paper)],
        seeds=SEEDS8,
    )


def figure8(variants: Variants, classes: Sequence[str]) -> Plan:
    """The number of clusters."""
    ours, rows = variants["ours"], []
    for k in K_FM:
        settings = changed(ours, clfm={"k": k})
        rows.append(row_of(variants, ("K_FM (CLFM)", str(k)), f"ours_kfm{k}", settings, {}))
    for k in sorted({*K_BS, len(classes)}):
        # null stands for the number of classes
        settings = changed(ours, clbs={"k": None if k == len(classes) else k})
        rows.append(row_of(variants, ("K_BS (CLBS)", str(k)), f"ours_kbs{k}", settings, {}))
    return Plan(
        title="Figure 8: number of clusters",
        question="How much does the number of latent semantics matter?",
        columns=("clusters", "K"),
        rows=rows,
        notes=("The paper finds K_FM = 4 and K_BS = 7, its number of classes, to be the best.",),
    )


def figure5(variants: Variants) -> Plan:
    """The learning intensity of the blocks."""
    return Plan(
        title="Figure 5: learning intensity",
        question="Does CL+MSR raise the gradient that reaches the shallow blocks?",
        columns=("method",),
        rows=[
            Row(("baseline",), "baseline", variants["baseline"]),
            Row(("CL+MSR",), "ours", variants["ours"], against="baseline"),
        ],
    )


def row_of(
    variants: Variants,
    label: tuple[str, ...],
    name: str,
    settings: Mapping[str, Any],
    paper: Mapping[str, float],
) -> Row:
    """A row derived from `ours`, which is `ours` itself where nothing differs: no cell twice."""
    if settings == variants["ours"]:
        return Row(label, "ours", settings, paper)
    return Row(label, name, settings, paper, against="ours")
