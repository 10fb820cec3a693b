"""Tables in Markdown, and the summary of a grid as a page of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clfer.report import numbers
from clfer.report.numbers import marked
from clfer.report.published import of_paper
from clfer.report.verdicts import DRAWN
from clfer.scoring.comparison import WELCH
from clfer.scoring.counts import METRICS
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
    "p (Welch)",
)
LEGEND = (
    "Mean ± standard deviation over seeds, with the 95 % interval for other seeds and other test "
    "images; * marks one seed, whose interval covers other images alone. The difference is to the "
    "baseline, with the 95 % interval over seeds. p says how often seeds alone would make a "
    "difference at least as large if the two were equally good; Holm's correction raises it for "
    "the number of variants compared. Welch's p takes the seeds as unpaired and is not corrected."
)
FLATTERING = (
    "Optimistic: the epoch of every model was chosen on the very images that it is scored on here, "
    "as the field does. Every accuracy of this section is higher than new images would give, and "
    "differences, intervals and p-values rest on such accuracies. Compare none of them with "
    "numbers whose epoch was chosen on validation images."
)
PUBLISHED_HEAD = ("variant", "published", "accuracy (%)", "epoch chosen on", "difference (points)")
PUBLISHED_LEGEND = (
    "Difference: ours minus the published number, with a 95 % interval for other seeds and other "
    "test images (of images alone where ours has one seed; of seeds alone where Welch's test is "
    "named). Descriptive otherwise: no p-value, no claim. What differs from each of them stands "
    "with its entry in summary.json."
)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines without an end: the head, a rule, and a line for each row."""
    lines = (head, ["---"] * len(head), *rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def markdown(summary: Mapping[str, Any]) -> str:
    """A table and the verdicts of each dataset of `summary_with_verdicts`, with a last newline."""
    sections = [section(name, one) for name, one in summary["datasets"].items()]
    return "\n\n".join([*sections, LEGEND]) + "\n"


def section(name: str, dataset: Mapping[str, Any]) -> str:
    """One dataset: heading, protocol, table, verdicts, published numbers."""
    images = numbers.plural(dataset["test_images"], "test image")
    classes = numbers.plural(len(dataset["classes"]), "class", "es")
    primary = {one["a"]: one for one in dataset["comparisons"] if one["primary"]}
    rows = []
    for variant, one in dataset["variants"].items():
        scores = (*(one[key] for key in METRICS), one["duplicate_free"]["accuracy"])
        against = primary.get(variant)
        tests = [numbers.probability(against and against[p]) for p in ("p_holm", "p_welch")]
        cells = [*map(numbers.estimate, scores), numbers.difference(against), *tests]
        rows.append([variant, str(len(one["seeds"])), *cells])
    return paragraphs(
        f"## {marked(name, dataset['evidence'], dataset['selected_on'])}",
        f"{images}, {classes}. Protocol: {protocol(dataset['protocol'])}.",
        table(HEAD, rows),
        FLATTERING if dataset["selected_on"] == TEST else "",
        gap(dataset["variants"]),
        dataset["note"],
        verdicts(dataset["comparisons"]),
        published(dataset) if dataset["published"] else "",
    )


def paragraphs(*parts: str | None) -> str:
    """What there is of the parts, with empty lines between."""
    return "\n\n".join(part for part in parts if part)


def bullets(lines: Iterable[str]) -> str:
    """A list of Markdown."""
    return "\n".join(f"- {line}" for line in lines)


def differences(lines: Iterable[str]) -> str:
    """The list of what a run does otherwise than the paper."""
    return f"What differs from the paper:\n\n{bullets(lines)}"


def protocol(given: Any) -> str:
    """A protocol given in words or as a table of settings."""
    if not isinstance(given, Mapping):
        return str(given).rstrip(".")
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in given.items())


def gap(variants: Mapping[str, Any]) -> str:
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
    primary = [one["verdict"] for one in comparisons if one["primary"]]
    rest = [one["verdict"].removeprefix(DRAWN) for one in comparisons if not one["primary"]]
    if not primary:
        return ""
    return paragraphs(bullets(primary), "Beside these, uncorrected:", bullets(rest))


def published(dataset: Mapping[str, Any]) -> str:
    """Verdicts against the paper, what differs, a table of all published numbers."""
    own = [one for one in dataset["published"] if of_paper(one)]
    return paragraphs(
        "### Beside published numbers",
        bullets(one["verdict"] for one in [*own, *dataset["paper_rule"]]),
        differences(dataset["differs"]),
        table(PUBLISHED_HEAD, map(published_row, dataset["published"])),
        PUBLISHED_LEGEND,
    )


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
