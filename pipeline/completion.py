"""What the shell offers for an argument: names of params.yaml, and nothing where there are none."""

import inspect
from collections.abc import Callable, Iterable

from clfer.errors import InputError

Offered = Callable[[], list[str]]


def names(*block: str) -> list[str]:
    """The names, or the values, that stand in a block; none outside a checkout."""
    from pipeline import params  # a tenth of a second that only this needs

    try:
        found: Iterable[object] = params.block(*block)
    except (InputError, OSError):
        return []
    return [str(one) for one in found] if isinstance(found, (dict, list)) else []


# by what an argument or option is called in its command's usage, or else in its signature
OFFERED: dict[str, Offered] = {
    "DATASET": lambda: names("datasets"),
    "VARIANT": lambda: names("variants"),
    "RECIPE": lambda: names("recipes"),
    "SEED": lambda: names("run", "seeds"),
}


def offering(command: Callable[..., None]) -> Callable[..., None]:
    """The command, whose arguments and options are offered by what they are called."""
    for name, annotation in inspect.get_annotations(command).items():
        for info in getattr(annotation, "__metadata__", ()):
            called = getattr(info, "metavar", None) or name.upper()
            if offered := OFFERED.get(called):
                info.autocompletion = offered
    return command
