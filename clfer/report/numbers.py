"""Numbers and names as every page and table shows them; what is absent is a dash."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup

ABSENT = "–"
NOT_EVIDENCE = "drawn faces: not evidence for the method"
OPTIMISTIC = "optimistic: checkpoint chosen on the test images"
LETTERS = 18  # of a class's name on a terminal: tables shall fit 80 columns
STEERING = r"\`*_{}[]()<>#|~!"  # what Markdown takes for more than a letter


def count(number: int) -> str:
    """'3,137'."""
    return f"{number:,}"


def plural(number: int, word: str, ending: str = "s") -> str:
    """'1 seed', '3,137 images', '8 classes'."""
    return f"{number:,} {word}{'' if number == 1 else ending}"


def percent(share: float | None, digits: int = 2) -> str:
    """A share in percent, without the sign: '66.52'."""
    return ABSENT if share is None else f"{100 * share:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of shares in points: '+1.20'."""
    return ABSENT if difference is None else f"{100 * difference:+.2f}"


def probability(p: float | None) -> str:
    """A p-value with as many places as mean anything: 'p = 0.054'."""
    if p is None:
        return ABSENT
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def share(spread: Mapping[str, Any] | None, scale: int = 100, digits: int = 2) -> str:
    """Mean and standard deviation over the seeds: '66.52 ± 2.02' in percent."""
    if spread is None:
        return ABSENT
    std = "" if spread["std"] is None else f" ± {scale * spread['std']:.{digits}f}"
    return f"{scale * spread['mean']:.{digits}f}{std}"


def between(interval: Sequence[float] | None, digits: int = 2) -> str:
    """An interval of a share in percent: '[61.49, 71.54]'."""
    ends = [percent(end, digits) for end in interval or ()]
    return f"[{', '.join(ends)}]" if ends else ""


def change(interval: Sequence[float] | None) -> str:
    """An interval of a difference in points: '-8.68 to +0.16'."""
    return " to ".join(map(points, interval or ()))


def estimate(spread: Mapping[str, Any] | None) -> str:
    """A share with its interval, '84.31 ± 0.42 [83.40, 85.22]'; '84.31 [82.91, 85.71]*' for one
    seed.
    """
    if spread is None or not spread["ci95"]:
        return share(spread)
    return f"{share(spread)} {between(spread['ci95'])}{'*' if spread['std'] is None else ''}"


def recall(scores: Mapping[str, Any] | None) -> str:
    """The recall of a class with its interval, '66.5 [61.4, 71.5]'."""
    if scores is None:
        return ABSENT
    return f"{percent(scores['recall']['mean'], 1)} {between(scores['recall_ci95'], 1)}"


def difference(entry: Mapping[str, Any] | None) -> str:
    """A difference with its interval over seeds: '+1.20 (+0.80 to +1.60)'."""
    if entry is None or entry["difference"] is None:
        return ABSENT
    interval = f" ({change(entry['ci95'])})" if entry["ci95"] else ""
    return f"{points(entry['difference'])}{interval}"


def marked(name: str, evidence: bool, selected_on: str) -> str:
    """The name with its warnings in brackets, where there are any."""
    marks = [] if evidence else [NOT_EVIDENCE]
    marks += [OPTIMISTIC] if selected_on == "test" else []
    return f"{name} ({'; '.join(marks)})" if marks else name


def prose(text: str) -> "Markup":
    """A sentence with what stands in backticks as code, and no line broken before a % sign."""
    from markupsafe import Markup, escape  # comes with jinja2, which alone wants it

    parts = [escape(part) for part in text.split("`")]
    if len(parts) % 2 == 0:  # one of the backticks has no partner
        parts = [escape(text)]
    parts[1::2] = [Markup("<code>{}</code>").format(part) for part in parts[1::2]]
    return Markup("").join(parts).replace(" %", "\u00a0%")


def literal(text: object) -> str:
    """Words of others, such as names of classes, so that Markdown shows them as they are."""
    calm = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(text))
    return "".join(f"\\{letter}" if letter in STEERING else letter for letter in calm)


def short(text: str, letters: int = LETTERS) -> str:
    """The text without its middle where it is longer: names often differ at their ends."""
    half = letters // 2
    return text if len(text) <= letters else f"{text[:half]}…{text[1 - half :]}"


def numeric(text: str) -> bool:
    """Whether a cell of text begins like a number, and so stands to the right."""
    return bool(re.match(r"(p *[=<] *)?[-+−±<]? *\.?\d", text)) or text in ("", ABSENT, "-")
