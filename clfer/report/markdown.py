"""Tables in Markdown, and the summary of a grid as a page of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clfer.report import numbers, published
from clfer.report.numbers import marked
from clfer.report.words import DRAWN
from clfer.scoring.beside import WELCH
from clfer.scoring.selection import TEST

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
    "as the field does. Every accuracy of this section is higher than new images would give, and "
    "differences, intervals and p-values rest on such accuracies. Compare none of them with "
    "numbers whose epoch was chosen on validation images."
)
PUBLISHED_HEAD = (
    "variant",
    "published",
    "accuracy (%)",
    "epoch chosen on",
    "difference (points)",
)
PUBLISHED_LEGEND = (
    "Difference: ours minus the published number, with a 95 % interval for other seeds and other "
    "test images (of images alone where ours has one seed; of seeds alone where Welch's test is "
    "named). Descriptive otherwise: no p-value, no claim. What is not alike in the protocols "
    "stands with each entry of summary.json."
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "") -> str:
    """Lines without an end: the head, a rule, and a line for each row.

    `align` has an l or r for each column; without it no column has one of its own.
    """
    rules = [{"l": "---", "r": "---:"}[one] for one in align or "l" * len(head)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rules, *rows))


def markdown(summary: Mapping[str, Any]) -> str:
    """A table and the verdicts of each dataset of `words.worded_summary`, ending with a newline."""
    sections = [section(name, one) for name, one in summary["datasets"].items()]
    return "\n\n".join([*sections, LEGEND]) + "\n"


def section(name: str, dataset: Mapping[str, Any]) -> str:
    """One dataset: heading, protocol, table, verdicts, published numbers."""
    images = numbers.plural(dataset["test_images"], "test image")
    classes = numbers.plural(len(dataset["classes"]), "class", "es")
    parts = [
        f"## {marked(name, dataset['evidence'], dataset['selected_on'])}",
        f"{images}, {classes}. Protocol: {protocol(dataset['protocol'])}.",
        scores(dataset),
        FLATTERING if dataset["selected_on"] == TEST else "",
        flattery(dataset["variants"]),
        dataset["note"],
        verdicts(dataset["comparisons"]),
        beside(dataset),
    ]
    return "\n\n".join(part for part in parts if part)


def protocol(given: Any) -> str:
    """A protocol given in words or as a table of settings."""
    if not isinstance(given, Mapping):
        return str(given).rstrip(".")
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in given.items())


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
        *(numbers.estimate(variant[metric]) for metric in ("accuracy", "uar", "macro_f1")),
        numbers.estimate(variant["duplicate_free"]["accuracy"]),
        numbers.difference(primary),
        numbers.probability(primary["p_holm"] if primary else None),
    ]


def flattery(variants: Mapping[str, Any]) -> str:
    """What choosing the epoch on the test images adds, for the variants that did, in a sentence."""
    gaps = [
        f"{name} {numbers.percent(one['optimistic']['gap'])} points "
        f"({numbers.percent(one['optimistic']['accuracy']['mean'])} instead of "
        f"{numbers.percent(one['optimistic']['honest']['mean'])} %)"
        for name, one in variants.items()
        if one["optimistic"]
    ]
    if not gaps:
        return ""
    return (
        "What that choice alone is worth, on the same runs and test images: the epoch that is best "
        "on the test images is ahead of the epoch that validation images would have chosen by "
        f"{', '.join(gaps)}. The lower number is the honest one."
    )


def verdicts(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts as two lists, the primary ones first."""
    primary = [f"- {one['verdict']}" for one in comparisons if one["primary"]]
    rest = [f"- {one['verdict'].removeprefix(DRAWN)}" for one in comparisons if not one["primary"]]
    return "\n".join([*primary, "", "Beside these, uncorrected:", "", *rest]) if primary else ""


def beside(dataset: Mapping[str, Any]) -> str:
    """Verdicts against the paper, a table of all published numbers, and the paper's rule.

    Empty for a dataset without published numbers.
    """
    entries = dataset["published"]
    if not entries:
        return ""
    own = [f"- {one['verdict']}" for one in entries if published.of_paper(one)]
    rules = [f"- {one['verdict']}" for one in dataset["paper_rule"]]
    parts = [
        "### Beside published numbers",
        "\n".join([*own, *rules]),
        table(PUBLISHED_HEAD, map(published_row, entries)),
        PUBLISHED_LEGEND,
    ]
    return "\n\n".join(part for part in parts if part)


def published_row(entry: Mapping[str, Any]) -> list[str]:
    """'ours', 'FDRL (2021, ResNet-18, MS_Celeb_1M)', '89.47', 'test', '-4.31 (-6.02 to -2.60)'."""
    stated = [str(entry[key]) for key in ("year", "network", "pretrained") if entry[key]]
    test = f", {entry['test']}" if entry["test"] == WELCH else ""
    return [
        entry["variant"],
        f"{entry['name']} ({', '.join(stated)})" if stated else entry["name"],
        numbers.percent(entry["accuracy"]),
        entry["protocol"],
        f"{numbers.points(entry['difference'])} ({numbers.change(entry['ci95'])}{test})",
    ]
