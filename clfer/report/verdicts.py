"""Verdicts on the summary of a grid, for a reader without statistics."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from clfer.report.numbers import change, plural, probability
from clfer.report.published import FLATTERED, Recipes, published_with_verdicts
from clfer.scoring.comparison import SEEDS_FOR_A_TEST
from clfer.scoring.grid import Run
from clfer.scoring.selection import TEST
from clfer.scoring.summary import Significance, summarise

NAMES = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro-F1"}
NUMBERS = ("No", "One", "Two", "Three")
DRAWN = "Drawn faces, not evidence for the method. "


def summary_with_verdicts(
    runs: Sequence[Run],
    evidence: Mapping[str, bool],
    protocol: Mapping[str, Any],
    settings: Significance,
    recipes: Mapping[str, Mapping[str, Recipes]] = MappingProxyType({}),
    planned: int = 0,
) -> dict[str, Any]:
    """`metrics/summary.json`: the numbers of `clfer.scoring.summary.summarise`, with sentences.

    recipes: by dataset and variant the settings of training of the runs, as far as recorded.
    Each comparison has a `verdict`, each published number `differs` and a `verdict`, and each
    dataset `differs`, a list, and a `note` on what could not be compared, or None. Raises what
    `summarise` raises.
    """
    summary = summarise(runs, evidence, protocol, settings, planned)
    for name, dataset in summary["datasets"].items():
        facts = settings.alpha, dataset["evidence"], dataset["selected_on"]
        for one in dataset["comparisons"]:
            one["verdict"] = verdict(one, *facts)
        dataset |= published_with_verdicts(name, dataset, recipes.get(name, {}))
        dataset["note"] = note(dataset["variants"], settings.baseline)
    return summary


def note(variants: Mapping[str, Any], baseline: str) -> str | None:
    """Which seeds could not be compared, or that there is no baseline; None where all is well."""
    if baseline not in variants:
        return (
            f"The grid holds no run of {baseline}, so there is nothing to compare with; "
            "add it to run.variants or name another baseline."
        )
    reference = variants[baseline]["seeds"]
    sentences = [
        f"{name} and {baseline} have different seeds; only "
        f"{sorted({*one['seeds']} & {*reference}) or 'none'} are in both and are compared."
        for name, one in variants.items()
        if one["seeds"] != reference
    ]
    return " ".join(sentences) or None


def verdict(entry: Mapping[str, Any], alpha: float, evidence: bool, selected_on: str) -> str:
    """What one entry of `comparisons` allows to say; a claim is made where Holm's p < `alpha`.

    Without `evidence` (the demo's drawn faces) and with checkpoints chosen on the test images the
    sentence says so first.
    """
    marks = ("" if evidence else DRAWN) + (FLATTERED if selected_on == TEST else "")
    return marks + conclusion(entry, alpha)


def conclusion(entry: Mapping[str, Any], alpha: float) -> str:
    """The verdict, whatever the images are."""
    if not entry["seeds"]:
        return f"{pair(entry)} share no seed and cannot be compared: train both with the same."
    if "McNemar" in entry["test"]:
        return single_models(entry, alpha)
    if len(entry["seeds"]) < SEEDS_FOR_A_TEST:
        return too_few_seeds(entry)
    if entry["p"] is None:
        return no_spread(entry)
    if not entry["primary"]:
        return f"Descriptive, no claim rests on it: {observed(entry)}{interval(entry)}."
    return claim(entry) if entry["p_holm"] < alpha else open_question(entry, alpha)


def too_few_seeds(entry: Mapping[str, Any]) -> str:
    count = len(entry["seeds"])
    says = "says nothing" if count == 1 else "say nothing certain"
    return (
        f"{NUMBERS[count]} seed{'s' * (count > 1)} {says} about the method: {observed(entry)}, "
        f"and another seed could turn that round. Train at least "
        f"{NUMBERS[SEEDS_FOR_A_TEST].lower()}."
    )


def no_spread(entry: Mapping[str, Any]) -> str:
    """The differences do not vary: there is no chance to compare them with."""
    return (
        f"No test is possible: {observed(entry)}, by the same amount with every seed. "
        "Check that the seed reaches the training."
    )


def claim(entry: Mapping[str, Any]) -> str:
    """A difference that the primary test supports, and how far it reaches."""
    better = "better" if entry["difference"] > 0 else "worse"
    low, high = entry["ci95_images"]
    caution = (
        f" It holds on these test images; on others it could vanish "
        f"(interval for other images as well: {change([low, high])})."
        if low <= 0 <= high
        else ""
    )
    return (
        f"{entry['a']} is {better} than {entry['b']}, by {abs(100 * entry['difference']):.2f} "
        f"points of {NAMES[entry['metric']]} {seeds(entry['seeds'])}, more than other seeds would "
        f"explain{interval(entry)}.{caution}"
    )


def open_question(entry: Mapping[str, Any], alpha: float) -> str:
    """No claim of a difference, why not, and whether they differ by less than the margin, or else
    what difference this number of seeds would have shown.
    """
    by_chance, alone = ", but other seeds alone could make as much", ""
    if entry["p"] < alpha:
        by_chance = ""
        alone = " Taken alone it would pass, among all comparisons of this dataset it does not."
    count, least = len(entry["seeds"]), 100 * entry["smallest_detectable"]
    equal = entry["p_equivalent_holm"]
    rest = (
        f"They differ by less than {100 * entry['margin']:.2f} points, for other seeds on these "
        f"images (two one-sided tests, {probability(equal)} after Holm's correction)."
        if equal is not None and equal < alpha
        else f"That does not show that both are equally good: with {count} seeds and this spread, "
        f"only a difference of {least:.2f} points or more would be found reliably (four times in "
        "five)."
    )
    return (
        f"No difference between {pair(entry)} can be claimed: {observed(entry)}{by_chance}"
        f"{interval(entry)}.{alone} {rest}"
    )


def single_models(entry: Mapping[str, Any], alpha: float) -> str:
    """McNemar's tests, one pair of models a seed."""
    each = []
    for one in entry["per_seed"]:
        a, b = one["only_a_right"], one["only_b_right"]
        winner = entry["a"] if a > b else entry["b"]
        outcome = f"{winner} is better" if one["p"] < alpha else "no clear difference"
        each.append(
            f"seed {one['seed']}: {outcome} ({plural(a, 'image')} only {entry['a']} gets right, "
            f"{b:,} only {entry['b']}; {probability(one['p'])})"
        )
    return f"Single models, not the method: {'; '.join(each)}."


def observed(entry: Mapping[str, Any]) -> str:
    """The difference itself: 'ours is 1.20 points of accuracy above baseline over 3 seeds'."""
    points = 100 * entry["difference"]
    a, b, name = entry["a"], entry["b"], NAMES[entry["metric"]]
    if abs(points) < 0.005:
        where = f"{a} and {b} have the same {name}"
    else:
        side = "above" if points > 0 else "below"
        where = f"{a} is {abs(points):.2f} points of {name} {side} {b}"
    return f"{where} {seeds(entry['seeds'])}"


def seeds(numbers: Sequence[int]) -> str:
    """'with seed 0' or 'on average over 3 seeds'."""
    one = len(numbers) == 1
    return f"with seed {numbers[0]}" if one else f"on average over {len(numbers)} seeds"


def interval(entry: Mapping[str, Any]) -> str:
    """The interval over seeds, and p where it was corrected, in brackets with a leading blank."""
    if not entry["ci95"]:
        return ""
    holm = entry["p_holm"]
    tested = "" if holm is None else f"; {probability(holm)} after Holm's correction"
    return f" (95 % interval {change(entry['ci95'])}{tested})"


def pair(entry: Mapping[str, Any]) -> str:
    return f"{entry['a']} and {entry['b']}"
