"""A comparison in plain words, for a reader without statistics."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.scoring.comparison import SEEDS_FOR_A_TEST
from clfer.scoring.marks import TEST

NAMES = {"accuracy": "accuracy", "uar": "UAR", "macro_f1": "macro-F1"}
DRAWN = "Drawn faces, not evidence for the method. "
FLATTERED = "Optimistic, checkpoints chosen on the test images. "
NUMBERS = ("No", "One", "Two", "Three")


def verdict(entry: Mapping[str, Any], alpha: float, evidence: bool, selected_on: str) -> str:
    """What one entry of `comparisons` allows to say, and what not.

    `alpha` is the level below which Holm's p makes a claim. Without `evidence` (the demo's drawn
    faces) and with checkpoints chosen on the test images the sentence says so first.
    """
    marks = ("" if evidence else DRAWN) + (FLATTERED if selected_on == TEST else "")
    return marks + judged(entry, alpha)


def judged(entry: Mapping[str, Any], alpha: float) -> str:
    """The verdict, whatever the images are."""
    if not entry["seeds"]:
        return f"{pair(entry)} share no seed and cannot be compared: train both with the same."
    if "McNemar" in entry["test"]:
        return models(entry, alpha)
    if len(entry["seeds"]) < SEEDS_FOR_A_TEST:
        return few(entry)
    if entry["p"] is None:
        return rigid(entry)
    if not entry["primary"]:
        return f"Descriptive, no claim rests on it: {found(entry)}{within(entry)}."
    return claim(entry) if entry["p_holm"] < alpha else open_question(entry, alpha)


def few(entry: Mapping[str, Any]) -> str:
    """One or two seeds: no claim about the method."""
    count = len(entry["seeds"])
    says = "says nothing" if count == 1 else "say nothing certain"
    return (
        f"{NUMBERS[count]} seed{'s' * (count > 1)} {says} about the method: {found(entry)}, "
        f"and another seed could turn that round. Train at least "
        f"{NUMBERS[SEEDS_FOR_A_TEST].lower()}."
    )


def rigid(entry: Mapping[str, Any]) -> str:
    """The differences do not vary: there is no chance to compare them with."""
    return (
        f"No test is possible: {found(entry)}, by the same amount with every seed. "
        "Check that the seed reaches the training."
    )


def claim(entry: Mapping[str, Any]) -> str:
    """A difference that the primary test supports, and how far it reaches."""
    better = "better" if entry["difference"] > 0 else "worse"
    low, high = entry["ci95_images"]
    caution = (
        f" It holds on these test images; on others it could vanish "
        f"(interval for other images as well: {span(low, high)})."
        if low <= 0 <= high
        else ""
    )
    return (
        f"{entry['a']} is {better} than {entry['b']}, by {abs(100 * entry['difference']):.2f} "
        f"points of {NAMES[entry['metric']]} {seeds(entry['seeds'])}{within(entry)}, "
        f"{probability(entry['p_holm'])} after Holm's correction.{caution}"
    )


def open_question(entry: Mapping[str, Any], alpha: float) -> str:
    """No claim, why not, and what difference this number of seeds would have shown."""
    by_chance, alone = ", but other seeds alone could make as much", ""
    if entry["p"] < alpha:
        by_chance = ""
        alone = " Taken alone it would pass, among all comparisons of this dataset it does not."
    count, least = len(entry["seeds"]), 100 * entry["smallest_detectable"]
    return (
        f"No difference between {pair(entry)} can be claimed: {found(entry)}{by_chance}"
        f"{within(entry)}; {probability(entry['p_holm'])} after Holm's correction.{alone} That "
        f"does not show that both are equally good: with {count} seeds and this spread, only a "
        f"difference of {least:.2f} points or more would be found reliably (four times in five)."
    )


def models(entry: Mapping[str, Any], alpha: float) -> str:
    """McNemar's tests, one pair of models a seed."""
    said = "; ".join(one_model(entry, result, alpha) for result in entry["per_seed"])
    return f"Single models, not the method: {said}."


def one_model(entry: Mapping[str, Any], result: Mapping[str, Any], alpha: float) -> str:
    """One pair of models of one seed."""
    a, b = result["only_a_right"], result["only_b_right"]
    winner = entry["a"] if a > b else entry["b"]
    outcome = f"{winner} is better" if result["p"] < alpha else "no clear difference"
    return (
        f"seed {result['seed']}: {outcome} ({images(a)} only {entry['a']} gets right, {b} only "
        f"{entry['b']}; {probability(result['p'])})"
    )


def images(count: int) -> str:
    """'1 image' or '12 images'."""
    return f"{count} image{'s' * (count != 1)}"


def found(entry: Mapping[str, Any]) -> str:
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


def within(entry: Mapping[str, Any]) -> str:
    """The interval over seeds in brackets, with a leading blank."""
    return f" (95 % interval {span(*entry['ci95'])})" if entry["ci95"] else ""


def span(low: float, high: float) -> str:
    """An interval of a difference, in signed percentage points."""
    return f"{100 * low:+.2f} to {100 * high:+.2f}"


def pair(entry: Mapping[str, Any]) -> str:
    """Both names."""
    return f"{entry['a']} and {entry['b']}"


def probability(p: float) -> str:
    """A p-value with as many places as mean anything."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
