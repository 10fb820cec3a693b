"""The summary as a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.scoring.beside_report import beside
from clfer.scoring.markdown import table
from clfer.scoring.marks import TEST, marked
from clfer.scoring.verdict import DRAWN, probability, span

HEAD = (
    "variant",
    "seeds",
    "accuracy (%)",
    "UAR (%)",
    "macro-F1 (%)",
    "accuracy without duplicates (%)",
    "difference (points)",
    "p (Holm)",
)
LEGEND = (
    "Mean ± standard deviation over seeds, with the 95 % interval for other seeds and other test "
    "images; * marks one seed, whose interval covers other images alone. The difference is to the "
    "baseline, with the 95 % interval over seeds. p says how often seeds alone would make a "
    "difference at least as large if the two were equally good; Holm's correction raises it for "
    "the number of variants compared."
)
FLATTERING = (
    "Optimistic: the epoch of every model was chosen on the very images that it is scored on here, "
    "as the field does. Every number of the section, differences and p-values included, is better "
    "than new images would give; compare it with none that was chosen on validation images."
)


def markdown(summary: Mapping[str, Any]) -> str:
    """A table and the verdicts of each dataset of `summarise`'s result, ending with a newline."""
    sections = [section(name, one) for name, one in summary["datasets"].items()]
    return "\n\n".join([*sections, LEGEND]) + "\n"


def section(name: str, dataset: Mapping[str, Any]) -> str:
    """One dataset: heading, protocol, table, verdicts, published numbers."""
    images = f"{dataset['test_images']} test images, {len(dataset['classes'])} classes."
    parts = [
        f"## {marked(name, dataset['evidence'], dataset['selected_on'])}",
        f"{images} Protocol: {said(dataset['protocol'])}.",
        scores(dataset),
        FLATTERING if dataset["selected_on"] == TEST else "",
        flattery(dataset["variants"]),
        dataset["note"],
        verdicts(dataset["comparisons"]),
        beside(dataset),
    ]
    return "\n\n".join(part for part in parts if part)


def said(protocol: Any) -> str:
    """A protocol given in words or as a table of settings."""
    if not isinstance(protocol, Mapping):
        return str(protocol).rstrip(".")
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in protocol.items())


def scores(dataset: Mapping[str, Any]) -> str:
    """A line for each variant."""
    primary = {one["a"]: one for one in dataset["comparisons"] if one["primary"]}
    variants = dataset["variants"].items()
    return table(HEAD, [row(name, variant, primary.get(name)) for name, variant in variants])


def row(name: str, variant: Mapping[str, Any], primary: Mapping[str, Any] | None) -> list[str]:
    """The cells of one variant; `primary` compares it with the baseline, where that is had."""
    return [
        name,
        str(len(variant["seeds"])),
        *(percent(variant[metric]) for metric in ("accuracy", "uar", "macro_f1")),
        percent(variant["duplicate_free"]["accuracy"]),
        difference(primary),
        "–" if primary is None or primary["p_holm"] is None else probability(primary["p_holm"]),
    ]


def percent(spread: Mapping[str, Any] | None) -> str:
    """'84.31 ± 0.42 [83.40, 85.22]'; '84.31 [82.91, 85.71]*' with one seed."""
    if spread is None:
        return "–"
    std = "" if spread["std"] is None else f" ± {100 * spread['std']:.2f}"
    interval = ""
    if spread["ci95"]:
        low, high = spread["ci95"]
        interval = f" [{100 * low:.2f}, {100 * high:.2f}]{'' if std else '*'}"
    return f"{100 * spread['mean']:.2f}{std}{interval}"


def difference(primary: Mapping[str, Any] | None) -> str:
    """'+1.20 (+0.80 to +1.60)'."""
    if primary is None or primary["difference"] is None:
        return "–"
    interval = f" ({span(*primary['ci95'])})" if primary["ci95"] else ""
    return f"{100 * primary['difference']:+.2f}{interval}"


def flattery(variants: Mapping[str, Any]) -> str:
    """What choosing the epoch on the test images adds, for the variants that did, in a sentence."""
    gaps = [
        f"{name} {100 * one['optimistic']['gap']:.2f} points "
        f"({100 * one['optimistic']['accuracy']['mean']:.2f} instead of "
        f"{100 * one['optimistic']['honest']['mean']:.2f} %)"
        for name, one in variants.items()
        if one["optimistic"]
    ]
    if not gaps:
        return ""
    return (
        "What that choice alone is worth, on the same runs and test images: the epoch that is best "
        "on the test images scores higher than the epoch that validation images would have chosen, "
        f"by {', '.join(gaps)}. The lower number is the honest one."
    )


def verdicts(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts as two lists, the primary ones first."""
    primary = [f"- {one['verdict']}" for one in comparisons if one["primary"]]
    rest = [f"- {one['verdict'].removeprefix(DRAWN)}" for one in comparisons if not one["primary"]]
    return "\n".join([*primary, "", "Beside these, uncorrected:", "", *rest]) if primary else ""
