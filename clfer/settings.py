"""What every block of parameters has in common."""

import re
import reprlib
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from clfer.errors import InputError, did_you_mean

BRIEF = reprlib.Repr()
BRIEF.maxlevel = 2


class Settings(BaseModel):
    """A block of parameters: frozen, unknown keys refused, numbers finite and no text or truth
    value. A key that params.yaml leaves out has the default of its class, where that has one, and
    is missing otherwise.

    Fields that YAML and JSON write as another kind, tuples and paths, have `strict=False`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def check_name(name: object, place: str) -> None:
    """InputError unless it can be a name of a dataset, variant or recipe, which becomes a folder
    and a word of a command: letters, digits, _ and -.
    """
    if not (isinstance(name, str) and re.fullmatch(r"\w[\w-]{0,99}", name)):
        raise InputError(
            f"{place}: expected a name of letters, digits, _ and -; found {shown(name)}"
        )


def shown(value: Any) -> str:
    """A value as Python writes it, cut where it is long: aliases of aliases may stand for more than
    any memory holds.
    """
    return BRIEF.repr(value)


def explained(error: ValidationError, model: type[Settings], place: str) -> str:
    """The first of pydantic's complaints about the settings at `place` in one line."""
    first = error.errors()[0]
    place = ".".join([place, *map(str, first["loc"])])
    match first["type"]:
        case "missing":
            return f"{place} is missing; expected a value"
        case "extra_forbidden":
            *outer, name = map(str, first["loc"])
            return f"{place} is not a parameter{did_you_mean(name, _fields(model, outer))}"
        case _:
            message = first["msg"].removeprefix("Value error, ")
            message = f"{place}: {message[0].lower()}{message[1:]}"
            if first["type"] == "value_error" and isinstance(first["input"], dict):
                return message  # of a whole block, which says itself what was found
            return f"{message}; found {shown(first['input'])}"


def _fields(model: type[Settings], within: Iterable[str]) -> Iterable[str]:
    """The names that stand in a block of a block of settings."""
    for part in within:
        annotation = model.model_fields[part].annotation
        kinds = (annotation, *get_args(annotation))
        model = next(one for one in kinds if isinstance(one, type) and issubclass(one, Settings))
    return model.model_fields
