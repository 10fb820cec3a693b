"""The options of `dvc exp run` that lead from one params.yaml to another."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
WORDS = (
    "null",
    "true",
    "false",
    "nan",
    "inf",
)  # what the options take for something else than text


def options(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One `-S key=value` for each setting that differs, quoted for a shell; `+` adds, `~` drops."""
    return [f"-S {shlex.quote(one)}" for one in changes(before, after, "")]


def changes(before: Mapping[str, Any], after: Mapping[str, Any], above: str) -> Iterator[str]:
    """The changes to a block whose keys begin with `above`, in the grammar of the options."""
    for key in before:
        if key not in after:
            if before[key] is None:
                yield f"{above}{key}=0"  # null cannot be dropped
            yield f"~{above}{key}"
    for key, value in after.items():
        place, old = f"{above}{key}", before.get(key)
        if key not in before:
            yield f"+{place}={written(value)}"
        elif isinstance(old, Mapping) and isinstance(value, Mapping):
            yield from changes(old, value, f"{place}.")
        elif old is not None and (isinstance(old, Mapping) or isinstance(value, Mapping)):
            # given alone, a block would be merged into what is there
            yield from (f"~{place}", f"+{place}={written(value)}")
        elif old != value:
            yield f"{place}={written(value)}"


def written(value: Any) -> str:
    """A value as the grammar of the options has it (Hydra's)."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return text(value)
        case Mapping():
            return "{" + ",".join(f"{key}:{written(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return str(value)


def text(value: str) -> str:
    """Text, in quotes unless it is a plain word or path."""
    if PLAIN.fullmatch(value) and value.lower() not in WORDS:
        return value
    # a backslash escapes nothing but a quote, and itself before one
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
    return f"'{escaped}'"
