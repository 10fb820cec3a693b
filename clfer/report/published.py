"""Our accuracies beside published ones, in sentences."""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from clfer.paper.published import OURS, PAPER, published_for
from clfer.paper.result import paper_rule, published_comparisons
from clfer.report.differences import Ours, Recipes, from_paper, from_published
from clfer.report.numbers import change, percent, plural, probability
from clfer.scoring.selection import TEST

OWNERS = {"paper": "the paper's own", "ours": "our"}
FLATTERED = "Optimistic, checkpoints chosen on the test images. "


def published_with_verdicts(
    name: str, dataset: Mapping[str, Any], recipes: Mapping[str, Recipes]
) -> dict[str, Any]:
    """Entries of one dataset of the summary: `differs` from the paper, `published`, `paper_rule`.

    recipes: the settings of training of each variant's runs, as far as they are recorded.
    """
    images, variants = dataset["test_images"], dataset["variants"]
    selected_on = dataset["selected_on"]
    ours = Ours(name, images, len(dataset["classes"]), dataset["protocol"], selected_on)
    entries = []
    for entry in published_comparisons(name, images, variants):
        variant = entry["variant"]
        (other,) = [one for one in published_for(name, variant) if one.name == entry["name"]]
        differs = from_published(other, ours, recipes.get(variant, []))
        known = {**entry, "differs": differs}
        entries.append({**known, "verdict": verdict(known, selected_on)})
    return {
        "differs": from_paper(ours, list(chain.from_iterable(recipes.values()))),
        "published": entries,
        "paper_rule": rule_with_verdicts(name, variants.get(OURS, {}).get("accuracy")),
    }


def rule_with_verdicts(dataset: str, accuracy: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The entries of `paper_rule`, each with its verdict."""
    return [{**one, "verdict": rule_verdict(one)} for one in paper_rule(dataset, accuracy)]


def of_paper(entry: Mapping[str, Any]) -> bool:
    """Whether the published number is one of the paper's."""
    return bool(entry["name"] == PAPER or entry["variant"] != OURS)


def verdict(entry: Mapping[str, Any], selected_on: str) -> str:
    """What one entry of `published` says: the difference, its uncertainty, and that protocols
    differ, of which `differs` is the list.
    """
    side = "above" if entry["difference"] > 0 else "below"
    runs = "with one seed" if entry["seeds"] == 1 else f"on average over {entry['seeds']} seeds"
    low, high = entry["ci95"]
    could = "could" if low <= 0 <= high else "hardly"
    apart = plural(len(entry["differs"]), "point")
    unlike = f' The runs differ in {apart}, see "What differs".' if entry["differs"] else ""
    return (
        f"{FLATTERED if selected_on == TEST else ''}{entry['variant']} reaches "
        f"{percent(entry['ours'])} % {runs}, {percent(abs(entry['difference']))} points {side} "
        f"{_theirs(entry)} (95 % interval for other {entry['covers']} {change(entry['ci95'])}; "
        f"{_test(entry)}). Other {entry['covers']} alone {could} explain the difference.{unlike}"
    )


def _theirs(entry: Mapping[str, Any]) -> str:
    """The published number and whose it is."""
    if entry["p"] is not None:
        return f"the paper's mean over ten seeds, {percent(entry['accuracy'])} %"
    return f"the {percent(entry['accuracy'])} % published for {entry['name']}"


def _test(entry: Mapping[str, Any]) -> str:
    return "no test" if entry["p"] is None else f"Welch's test, {probability(entry['p'])}"


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
