"""Sentences on our accuracies beside published ones."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.report.numbers import change, count, percent, probability
from clfer.scoring import beside
from clfer.scoring.grid import Variant
from clfer.scoring.published import CONTESTED, OURS, PAPER, UNKNOWN, Published, classes
from clfer.scoring.selection import TEST, VAL

OWNERS = {"paper": "the paper's own", "ours": "our"}
CHOSEN = {TEST: "on the test images", VAL: "on validation images"}
FLATTERED = "Optimistic, checkpoints chosen on the test images. "


def worded(entry: Mapping[str, Any], name: str, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of `published` with what differs in the protocols and a verdict."""
    (one,) = [
        one for one in beside.counterparts(name, entry["variant"]) if one.name == entry["name"]
    ]
    images, kinds = dataset["test_images"], len(dataset["classes"])
    selected_on = dataset["selected_on"]
    apart = differs(one, name, images, kinds, dataset["protocol"], selected_on)
    known = {**entry, "differs": apart}
    return {**known, "verdict": verdict(known, selected_on)}


def worded_rule(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of `paper_rule` with its verdict."""
    return {**entry, "verdict": rule_verdict(entry)}


def paper_rule(dataset: str, variants: Sequence[Variant]) -> list[dict[str, Any]]:
    """`beside.paper_rule` with verdicts."""
    return [worded_rule(one) for one in beside.paper_rule(dataset, variants)]


def applied(whose: str, mean: float, std: float, competitor: Published) -> dict[str, Any]:
    """`beside.applied` with its verdict."""
    return worded_rule(beside.applied(whose, mean, std, competitor))


def of_paper(entry: Mapping[str, Any]) -> bool:
    """Whether the published number is one of the paper's."""
    return bool(entry["name"] == PAPER or entry["variant"] != OURS)


def differs(
    one: Published, dataset: str, images: int, kinds: int, protocol: Any, selected_on: str
) -> list[str]:
    """What keeps two accuracies from being compared like with like; empty where nothing is known.

    `images` and `kinds` are the numbers of our test images and of their classes; `protocol` is the
    dataset's, in words or as a table of settings, of which `duplicates` is read.
    """
    settings = protocol if isinstance(protocol, Mapping) else {}
    lines = epoch(one, selected_on)
    if one.images != images:
        lines.append(f"its test set has {count(one.images)} images, ours {count(images)}")
    if classes(dataset) != kinds:
        lines.append(f"it knows {classes(dataset)} classes, ours {kinds}")
    if settings.get("duplicates") == "drop":
        lines.append("ours leaves copies of test images out of training, it is not known to")
    if one.note:
        lines.append(f"disputed: {one.note}" if one.protocol == CONTESTED else one.note)
    return lines


def epoch(one: Published, selected_on: str) -> list[str]:
    """How the epochs were chosen, where not in the same way."""
    ours = f"ours {CHOSEN[selected_on]}"
    if one.protocol in (CONTESTED, UNKNOWN):
        return [f"how its epoch was chosen is not known, {ours}"]
    if one.protocol == selected_on:
        return []
    return [f"its epoch was chosen {CHOSEN[one.protocol]}, {ours}"]


def verdict(entry: Mapping[str, Any], selected_on: str) -> str:
    """What one entry of `published` says: the difference, its uncertainty, what is not alike."""
    side = "above" if entry["difference"] > 0 else "below"
    runs = "with one seed" if entry["seeds"] == 1 else f"on average over {entry['seeds']} seeds"
    return (
        f"{FLATTERED if selected_on == TEST else ''}{entry['variant']} reaches "
        f"{percent(entry['ours'])} % {runs}, {percent(abs(entry['difference']))} points {side} "
        f"{theirs(entry)}{uncertainty(entry)}. {meaning(entry)}{unlike(entry)}"
    )


def theirs(entry: Mapping[str, Any]) -> str:
    """The published number and whose it is."""
    if entry["p"] is not None:
        return f"the paper's mean over ten seeds, {percent(entry['accuracy'])} %"
    return f"the {percent(entry['accuracy'])} % published for {entry['name']}"


def uncertainty(entry: Mapping[str, Any]) -> str:
    """The interval, and Welch's p where there is one."""
    interval = f"95 % interval for other {entry['covers']} {change(entry['ci95'])}"
    if entry["p"] is None:
        return f" ({interval}; no test)"
    return f" ({interval}; Welch's test, {probability(entry['p'])})"


def meaning(entry: Mapping[str, Any]) -> str:
    """Whether chance could explain the difference."""
    low, high = entry["ci95"]
    could = "could" if low <= 0 <= high else "hardly"
    return f"Other {entry['covers']} alone {could} explain the difference."


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
    if entry["whose"] == "paper" and not entry["holds"]:
        outcome += ", although the paper's text claims it"
    return (
        f"The paper's rule on {owner} numbers: {entry['competitor']}'s "
        f"{percent(entry['accuracy'])} % {holds} the mean minus three standard deviations over "
        f"seeds, {mean:.2f} - 3 x {std:.3f} = {percent(entry['threshold'])} %; {outcome}. It is no "
        f"test of significance: it leaves out that other test images would give other accuracies."
    )
