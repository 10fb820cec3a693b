"""The options of `dvc exp run` that lead from one params.yaml to another."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

PLAIN = re.compile(r"[A-Za-z_][\w./-]*")
WORDS = (
    "null",
    "true",
    "false",
    "nan",
    "inf",
)  # what the options take for something else than text


def options(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One `-S key=value` for each setting that differs, quoted for a shell; `+` adds, `~` drops."""
    old, new = dict(leaves(before)), dict(leaves(after))
    dropped = [f"~{key}" for key in old if key not in new and not filled(key, new)]
    given = [
        f"{'' if key in old else '+'}{key}={written(value)}"
        for key, value in new.items()
        if (key not in old or old[key] != value) and not filled(key, old)
    ]
    return [f"-S {shlex.quote(one)}" for one in [*dropped, *given]]


def leaves(block: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each setting with its dotted key; a list is one setting, and so is an empty block."""
    for key, value in block.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def filled(key: str, settings: Mapping[str, Any]) -> bool:
    """Whether the key is a block there that holds settings: it is neither added nor dropped."""
    return any(one.startswith(f"{key}.") for one in settings)


def written(value: Any) -> str:
    """A value as the grammar of the options has it (Hydra's)."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            plain = PLAIN.fullmatch(value) and value.lower() not in WORDS
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return value if plain else f"'{escaped}'"
        case Mapping():
            return "{" + ",".join(f"{key}:{written(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(written(one) for one in value) + "]"
        case _:
            return str(value)
