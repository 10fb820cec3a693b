"""Comparisons with published numbers in plain words, for a reader without statistics."""

from collections.abc import Mapping
from typing import Any

from clfer.scoring.marks import TEST
from clfer.scoring.verdict import FLATTERED, probability, span

OWNERS = {"paper": "the paper's own", "ours": "our"}


def verdict(entry: Mapping[str, Any], selected_on: str) -> str:
    """What one entry of `published` says: the difference, its uncertainty, what is not alike."""
    return (
        f"{FLATTERED if selected_on == TEST else ''}{entry['variant']} reaches "
        f"{percent(entry['ours'])} {runs(entry['seeds'])}, {distance(entry['difference'])} "
        f"{theirs(entry)}{uncertainty(entry)}. {meaning(entry)}{unlike(entry)}"
    )


def theirs(entry: Mapping[str, Any]) -> str:
    """The published number and whose it is."""
    if entry["p"] is not None:
        return f"the paper's mean over ten seeds, {percent(entry['accuracy'])}"
    return f"the {percent(entry['accuracy'])} published for {entry['name']}"


def uncertainty(entry: Mapping[str, Any]) -> str:
    """The interval, and Welch's p where there is one."""
    interval = f"95 % interval for other {entry['covers']} {span(*entry['ci95'])}"
    if entry["p"] is None:
        return f" ({interval}; no test)"
    return f" ({interval}; Welch's test, {probability(entry['p'])})"


def meaning(entry: Mapping[str, Any]) -> str:
    """Whether chance could explain the difference."""
    low, high = entry["ci95"]
    chance = f"Other {entry['covers']} alone"
    return (
        f"{chance} could explain the difference."
        if low <= 0 <= high
        else f"{chance} hardly explain the difference."
    )


def unlike(entry: Mapping[str, Any]) -> str:
    """What else could, with a leading blank."""
    if not entry["differs"]:
        return ""
    return f" The protocols are not the same: {'; '.join(entry['differs'])}."


def rule_verdict(entry: Mapping[str, Any]) -> str:
    """What the paper's rule says of one mean and standard deviation."""
    owner, mean, std = OWNERS[entry["whose"]], 100 * entry["mean"], 100 * entry["std"]
    holds = "is below" if entry["holds"] else "is not below"
    outcome = "the rule holds" if entry["holds"] else "the rule does not hold"
    return (
        f"The paper's rule on {owner} numbers: {entry['competitor']}'s "
        f"{percent(entry['accuracy'])} {holds} the mean minus three standard deviations over "
        f"seeds, {mean:.2f} - 3 x {std:.3f} = {percent(entry['threshold'])}; {outcome}. It is no "
        f"test of significance: it leaves out that other test images would give other accuracies."
    )


def distance(difference: float) -> str:
    """'1.20 points above'."""
    side = "above" if difference > 0 else "below"
    return f"{100 * abs(difference):.2f} points {side}"


def runs(seeds: int) -> str:
    """'with one seed' or 'on average over 3 seeds'."""
    return "with one seed" if seeds == 1 else f"on average over {seeds} seeds"


def percent(share: float) -> str:
    """'89.47 %'."""
    return f"{100 * share:.2f} %"
