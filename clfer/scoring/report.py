"""The summary as a page of Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clfer.scoring.verdict import DRAWN, probability, span

NOT_EVIDENCE = "drawn faces: not evidence for the method"
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
    "baseline, with the 95 % interval over seeds."
)


def markdown(summary: Mapping[str, Any]) -> str:
    """A table and the verdicts of each dataset of `summarise`'s result, ending with a newline."""
    sections = [section(name, one) for name, one in summary["datasets"].items()]
    return "\n\n".join([*sections, LEGEND]) + "\n"


def section(name: str, dataset: Mapping[str, Any]) -> str:
    """One dataset: heading, protocol, table, verdicts."""
    mark = "" if dataset["evidence"] else f" ({NOT_EVIDENCE})"
    images = f"{dataset['test_images']} test images, {len(dataset['classes'])} classes."
    parts = [
        f"## {name}{mark}",
        f"{images} Protocol: {said(dataset['protocol'])}.",
        table(dataset),
        *flattery(dataset["variants"]),
        *([dataset["note"]] if dataset["note"] else []),
        verdicts(dataset["comparisons"]),
    ]
    return "\n\n".join(part for part in parts if part)


def said(protocol: Any) -> str:
    """A protocol given in words or as a table of settings."""
    if not isinstance(protocol, Mapping):
        return str(protocol).rstrip(".")
    return "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in protocol.items())


def table(dataset: Mapping[str, Any]) -> str:
    """A line for each variant."""
    primary = {one["a"]: one for one in dataset["comparisons"] if one["primary"]}
    lines = [row(name, variant, primary.get(name)) for name, variant in dataset["variants"].items()]
    return "\n".join(line(cells) for cells in (HEAD, ("---",) * len(HEAD), *lines))


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


def line(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


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


def flattery(variants: Mapping[str, Any]) -> list[str]:
    """What choosing the checkpoint on the test images adds, for the variants that recorded it."""
    gaps = [
        f"{name} {100 * one['optimistic']['accuracy']['mean']:.2f} "
        f"({100 * one['optimistic']['gap']:+.2f})"
        for name, one in variants.items()
        if one["optimistic"]
    ]
    if not gaps:
        return []
    return [f"Optimistic, with the checkpoint chosen on the test images: {', '.join(gaps)}."]


def verdicts(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """The verdicts as two lists, the primary ones first."""
    primary = [f"- {one['verdict']}" for one in comparisons if one["primary"]]
    rest = [f"- {one['verdict'].removeprefix(DRAWN)}" for one in comparisons if not one["primary"]]
    return "\n".join([*primary, "", "Beside these, uncorrected:", "", *rest]) if primary else ""
