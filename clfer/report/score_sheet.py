"""What `clfer score` says of files of predictions, as Markdown and as a page of HTML."""

from collections.abc import Mapping, Sequence
from typing import Any

from clfer.report.markdown import paragraphs, protocol, table
from clfer.report.numbers import (
    ABSENT,
    between,
    change,
    count,
    literal,
    marked,
    percent,
    plural,
    points,
    probability,
    recall,
    share,
)
from clfer.report.rendering import environment
from clfer.scoring.pairs import ALL_PAIRS, FEWEST

HEAD = ("name", "images", "accuracy (%)", "UAR (%)", "macro-F1 (%)", "without copies (%)")
FURTHER = {  # key, heading, factor, digits
    "kappa": ("kappa", 1, 3),
    "top2": ("right among the raters' first two (%)", 100, 2),
    "ece": ("ECE (%)", 100, 2),
    "nll": ("NLL (nats)", 1, 3),
    "kl": ("KL to the votes (nats)", 1, 3),
}
LEGEND = (
    "With 95 % intervals for other test images of the kind, copies of an image taken as one; of "
    "several seeds the mean ± standard deviation, and the interval is for other seeds as well. "
    "Without copies: the test images that have no identical one in train or validation. ECE, NLL "
    "and KL are of the probabilities, where a file has some."
)
FURTHER_HEAD = ("name", *(heading for heading, *_ in FURTHER.values()))
PAIRS = (
    "Differences in accuracy on the images and classes that both answered. p is raised by Holm's "
    "correction for the number of comparisons here. Of single models it is McNemar's exact test: "
    "it is about these models, not about the methods that made them. The interval is for other "
    "test images, from resampled groups of copies; where seeds are tested for other seeds as well."
)
RATERS = (
    "By how many points the models are above a panel of so many of an image's raters, with a 95 % "
    "interval for other test images. The other raters judge both: right is what most of them say "
    "(of m equal classes each counts 1 / m), averaged over every choice of the panel. A rule that "
    "drops images without a majority of all raters favours the panel, whose votes are among them."
)
PEOPLE_HEAD = ("name", "attribute", "group", "images", "accuracy (%)", "UAR (%)")
CLAIMS_HEAD = ("method", "accuracy (%)", "test images", "epoch chosen on")
CLAIMS = (
    "Published by others and not recomputed here: their predictions are not at hand, and most "
    "choose the epoch on the test images."
)


def markdown(document: Mapping[str, Any]) -> str:
    """The sheet of a document that `clfer score --json` writes."""
    return environment(escape=False).get_template("score.md.j2").render(_sheet(document)) + "\n"


def html(document: Mapping[str, Any]) -> str:
    """The same as one page that needs no other file; what files say is escaped."""
    return environment(escape=True).get_template("score.html.j2").render(_sheet(document))


def _sheet(document: Mapping[str, Any]) -> dict[str, Any]:
    """What both templates show."""
    found = protocol(document["protocol"])
    return {
        "document": document,
        "title": marked(document["dataset"], document["evidence"], "val"),
        "called": found[:1].upper() + found[1:],
        "table": _table,
        "tables": {
            "rows": (HEAD, rows(document)),
            "further": (FURTHER_HEAD, further(document)),
            "raters": (raters_head(document), raters(document)),
            "people": (PEOPLE_HEAD, people(document)),
            "claims": (CLAIMS_HEAD, claims(document)),
        },
        "remarks": remarks(document),
        "verdicts": [verdict(one, document["alpha"]) for one in document["comparisons"]],
        "recalls": recalls(document),
        "confusions": {
            name: [
                [label, *map(count, line)]
                for label, line in zip(one["classes"], one["confusion"], strict=True)
            ]
            for name, one in document["files"].items()
        },
        "gaps": gaps(document),
        "words": {"legend": LEGEND, "pairs": PAIRS, "raters": RATERS, "claims": CLAIMS},
        "fewest": FEWEST,
    }


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table of Markdown whose first cells are words of others."""
    return table(head, [[literal(first), *rest] for first, *rest in lines])


def rows(document: Mapping[str, Any]) -> list[list[str]]:
    """A line for each name, in the order of HEAD, the most accurate first."""
    files = sorted(document["files"].items(), key=lambda one: -one[1]["accuracy"]["value"])
    return [
        [
            name,
            count(one["images"]),
            *(value(one[key]) for key in ("accuracy", "uar", "macro_f1")),
            value(one["duplicate_free"]["accuracy"]),
        ]
        for name, one in files
    ]


def further(document: Mapping[str, Any]) -> list[list[str]]:
    """Agreement beyond chance and with the raters, and calibration: a line for each name."""
    return [
        [name, *(share(one[key], *how) for key, (_, *how) in FURTHER.items())]
        for name, one in document["files"].items()
    ]


def value(one: Mapping[str, Any] | None) -> str:
    """'86.99 ± 0.24 [85.87, 88.10]'."""
    if one is None:
        return ABSENT
    return f"{share({'mean': one['value'], 'std': one['std']})} {between(one['ci95'])}".strip()


def remarks(document: Mapping[str, Any]) -> list[str]:
    """What each file lacks or has beside, in a line each."""
    found = []
    for name, one in document["files"].items():
        for path, read in one["read"].items():
            parts = []
            if read["missing"]:
                parts.append(f"{plural(read['missing'], 'test image')} without an answer, left out")
            if read["beside"]:
                parts.append(
                    f"{plural(read['beside'], 'answer')} to images that are no test images"
                )
            if read["unknown"]:
                parts.append(
                    f"{plural(read['unknown'], 'image')} that the dataset does not have "
                    f"(first: {read['first_unknown']})"
                )
            if parts:
                found.append(f"{name}, {path}: {'; '.join(parts)}")
        if len(one["seeds"]) > 1:
            seeds = ", ".join(map(str, one["seeds"]))
            found.append(f"{name}: {len(one['seeds'])} files taken as seeds {seeds}")
    return found


def verdict(entry: Mapping[str, Any], alpha: float) -> str:
    """What a comparison allows to say."""
    a, b, difference = entry["a"], entry["b"], entry["difference"]
    ends = entry["ci95_bootstrap" if entry["test"] == ALL_PAIRS else "ci95_images"]
    if difference < 0:
        a, b, ends = b, a, ends and [-one for one in reversed(ends)]
    apart = f"{percent(abs(difference))} points on {count(entry['images'])} images"
    tests = entry["per_seed"]
    if entry["test"] == ALL_PAIRS and len(tests) == 1:
        only = sorted((tests[0]["only_a_right"], tests[0]["only_b_right"]), reverse=True)
        apart += f", {count(only[0])} right only by {a} and {count(only[1])} only by {b}"
    elif entry["test"] == ALL_PAIRS:
        only = [(one["only_a_right"], one["only_b_right"]) for one in tests]
        same = "and" if len({(x > y) - (x < y) for x, y in only}) == 1 else "but not"
        apart += f", {same} the same way in each of {len(tests)} pairs of models"
    above = f"{a} is above {b} by {apart}" if difference else f"{a} and {b} differ by {apart}"
    if entry["p"] is None:
        return f"No test is possible: {above}, and nothing varies."
    tested = f"95 % interval {change(ends)}; {probability(entry['p_holm'])} after Holm's correction"
    if entry["p_holm"] < alpha:
        return f"{a} is better than {b} by {apart} ({tested})."
    equal = entry["p_equivalent_holm"]
    rest = (
        f"They differ by less than {percent(entry['margin'])} points (two one-sided tests, "
        f"{probability(equal)} after Holm's correction)."
        if equal is not None and equal < alpha
        else "That does not show that both are equally good."
    )
    return f"No difference can be claimed: {above} ({tested}). {rest}"


def recalls(document: Mapping[str, Any]) -> list[list[str]]:
    """Recall of each class, a column for each name."""
    classes = [one["per_class"] for one in document["files"].values()]
    return [[label, *(recall(one.get(label)) for one in classes)] for label in document["classes"]]


def raters_head(document: Mapping[str, Any]) -> list[str]:
    sizes = [one["size"] for one in _widest(document)]
    return ["name", *(plural(size, "rater") for size in sizes)]


def raters(document: Mapping[str, Any]) -> list[list[str]]:
    """How often the panels are right, and by how much each name is above them."""
    panels = [percent(one["panel"]) for one in _widest(document)]
    return [
        *([["the panel (%)", *panels]] if panels else []),
        *(
            [name, *map(_above, one["raters"])]
            for name, one in document["files"].items()
            if one.get("raters")
        ),
    ]


def _above(panel: Mapping[str, Any]) -> str:
    """'+9.56 [+8.59, +10.51]'."""
    low, high = map(points, panel["ci95"])
    return f"{points(panel['difference'])} [{low}, {high}]"


def _widest(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The panels on the images of the file that answers most."""
    files = [one.get("raters") or [] for one in document["files"].values()]
    return max(files, key=lambda one: one[0]["images"] if one else 0, default=[])


def people(document: Mapping[str, Any]) -> list[list[str]]:
    """Name, attribute, group, images, accuracy, UAR; none said of small groups."""
    return [
        [
            name,
            attribute,
            group,
            count(found["images"]),
            *(
                value(found[key]) if found["images"] >= FEWEST else "too few"
                for key in ("accuracy", "uar")
            ),
        ]
        for name, one in document["files"].items()
        for attribute, parts in one.get("people", {}).items()
        for group, found in parts["groups"].items()
    ]


def gaps(document: Mapping[str, Any]) -> list[str]:
    """The largest gap between groups of people, of each name and attribute."""
    return [
        f"{name}, {attribute}: {gap['best']} {points(gap['difference'])} points above "
        f"{gap['worst']} (95 % interval {change(gap['ci95'])}), the largest gap of "
        f"{len(parts['groups'])} groups, picked after looking"
        for name, one in document["files"].items()
        for attribute, parts in one.get("people", {}).items()
        if (gap := parts["largest_gap"])
    ]


def claims(document: Mapping[str, Any]) -> list[list[str]]:
    """Published numbers: name, accuracy, test images, how the epoch was chosen."""
    return [
        [
            ", ".join(
                str(one[key]) for key in ("name", "year", "network", "pretrained") if one[key]
            ),
            percent(one["accuracy"]),
            count(one["images"]),
            one["protocol"],
        ]
        for one in document.get("claims", [])
    ]


def ranked(document: Mapping[str, Any]) -> str:
    """The page of `clfer score --ranks`."""
    found = [[name, f"{rank:.2f}"] for name, rank in document["ranks"].items()]
    critical, p = document["critical"], document["p"]
    said = (
        f"Friedman's test: {probability(p)}. Two mean ranks differ at {document['alpha']:g} where "
        f"they are {critical:.2f} or more apart (Nemenyi)."
        if critical
        else "Fewer than three names or three datasets: no test is possible."
    )
    return (
        paragraphs(
            f"# Mean ranks over {', '.join(map(literal, document['datasets']))}",
            _table(("name", "mean rank"), found),
            said,
            f"Made by `{document['command']}`.",
        )
        + "\n"
    )
