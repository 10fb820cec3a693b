"""params.yaml as validated settings: the only place that reads it."""

import difflib
import importlib
import importlib.util
import reprlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from clfer.errors import InputError
from clfer.settings import Settings

PARAMS = Path("params.yaml")
ASKED: dict[tuple[str, ...], Any] = {}  # what `block` was asked for, and what stood there
OF_BLOCKS = ("datasets", "variants", "recipes")  # every entry of these is a block itself
ENTRIES = 10_000  # of one block, merged ones (<<) included
LARGEST = 1 << 18  # bytes; ours has 6,000
S = TypeVar("S", bound=Settings)
BRIEF = reprlib.Repr()
BRIEF.maxlevel = 2


class Run(Settings):
    """The grid: every variant is trained on every dataset with every seed."""

    datasets: Annotated[tuple[str, ...], Field(min_length=1)]
    variants: Annotated[tuple[str, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]


class Bounded(SafeConstructor):
    """Merges of merges of merges double what they hold: refused beyond ENTRIES."""

    def flatten_mapping(self, node: Any) -> Any:
        flat = super().flatten_mapping(node)
        if len(node.value) > ENTRIES:
            raise YAMLError(f"a block of more than {ENTRIES:,} entries, merged ones included")
        return flat


@cache
def everything() -> Mapping[str, Any]:
    """The file as it is, read as YAML 1.2 like DVC does (0.0001 and 1e-4 are numbers to both)."""
    if not PARAMS.is_file():
        raise InputError(
            f"{PARAMS} is missing in {Path.cwd()}; run clfer in the folder of the checkout"
        )
    if (size := PARAMS.stat().st_size) > LARGEST:
        raise InputError(f"{PARAMS}: expected at most {LARGEST:,} bytes, found {size:,}")
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = Bounded
        loaded = yaml.load(PARAMS)
    except RecursionError as error:
        raise InputError(f"{PARAMS}: expected a few blocks in one another, found many") from error
    except (YAMLError, ValueError, TypeError, LookupError) as error:  # of dates, of keys
        reason = " ".join(str(error).split())[:500]
        raise InputError(f"{PARAMS} is no valid YAML: {reason}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{PARAMS}: expected blocks of parameters, found {type(loaded).__name__}")
    for name in OF_BLOCKS:
        _check_blocks(loaded, name)
    for name, own in (loaded.get("datasets") or {}).items():
        _check_block(own.get("recipe", {}), "datasets", name, "recipe")
    ASKED.clear()  # that was of another reading
    return loaded


def block(*keys: str) -> Any:
    """What stands under `keys`; InputError names what is missing and what is alike."""
    ASKED[keys] = found = _under(keys)
    return found


def check_unchanged() -> None:
    """InputError where what was asked for no longer stands in the file as it was read: DVC notes
    the values that it finds when a stage has ended, whatever it ran with.
    """
    asked = dict(ASKED)
    everything.cache_clear()
    for keys, was in asked.items():
        if changed := _changed(".".join(keys), was, _under(keys)):
            place, before, after = changed
            raise InputError(
                f"{PARAMS}: {place}: expected it to stay as it was read, {before!r}; found "
                f"{after!r} at the end; what was written is of the former: run it again"
            )


def _changed(place: str, was: Any, now: Any) -> tuple[str, Any, Any] | None:
    """The first entry that differs: where, what it was, and what it is."""
    if not (isinstance(was, dict) and isinstance(now, dict)):
        return None if was == now else (place, was, now)
    pairs = ((key, was.get(key), now.get(key)) for key in {**was, **now})
    return next(filter(None, (_changed(f"{place}.{key}", *pair) for key, *pair in pairs)), None)


def _under(keys: Iterable[str]) -> Any:
    """What stands there; InputError names what is missing and what is alike."""
    found: Any = everything()
    keys = tuple(keys)
    for depth, key in enumerate(keys):
        if not isinstance(found, dict) or key not in found:
            where = ".".join((str(PARAMS), *keys[:depth]))
            raise InputError(f"{where} has no '{key}'{_known(key, found or ())}")
        found = found[key]
    return found


def settings(
    model: type[S],
    *keys: str,
    over: Mapping[str, Any] | None = None,
    without: Iterable[str] = (),
) -> S:
    """The block under `keys` as validated settings, entries of `over` instead of its own, and none
    of `without`.
    """
    values = block(*keys)
    _check_block(values, *keys)
    try:
        merged = {**values, **(over or {})}
        return model.model_validate({k: v for k, v in merged.items() if k not in without})
    except ValidationError as error:
        raise InputError(_explain(error, model, keys)) from error


def dataset(name: str) -> ModuleType:
    """The module that reads a dataset: clfer/datasets/NAME.py, or `dataset.py` in a folder NAME."""
    _under(("datasets", name))  # no stage depends on all of it
    module = f"clfer.datasets.{name}"
    if name.isidentifier():
        for place in (f"{module}.dataset", module):
            if _there(place) and hasattr(found := importlib.import_module(place), "EVIDENCE"):
                return found
    raise InputError(f"datasets.{name}: there is no module {module} that reads it")


def _check_blocks(loaded: Mapping[Any, Any], name: str) -> None:
    """InputError unless all that stands under `name`, if anything does, is blocks with names."""
    entries = loaded.get(name, {})
    _check_block(entries, name)
    for entry, own in entries.items():
        if not isinstance(entry, str):
            raise InputError(f"{PARAMS}: {name}: expected names, found {shown(entry)}")
        _check_block(own, name, entry)


def _check_block(values: Any, *keys: str) -> None:
    if not isinstance(values, dict):
        raise InputError(
            f"{PARAMS}: {'.'.join(keys)}: expected a block of parameters, found {shown(values)}"
        )


def _explain(error: ValidationError, model: type[Settings], keys: Iterable[str]) -> str:
    """The first of pydantic's complaints in one line."""
    first = error.errors()[0]
    place = ".".join([*keys, *(str(part) for part in first["loc"])])
    match first["type"]:
        case "missing":
            return f"{PARAMS}: {place} is missing; expected a value"
        case "extra_forbidden":
            *outer, name = map(str, first["loc"])
            return f"{PARAMS}: {place} is not a parameter{_known(name, _fields(model, outer))}"
        case _:
            message = first["msg"].removeprefix("Value error, ")
            found = shown(first["input"])
            return f"{PARAMS}: {place}: {message[0].lower()}{message[1:]}; found {found}"


def _fields(model: type[Settings], within: Iterable[str]) -> Iterable[str]:
    """The names that stand in a block of a block of settings."""
    for part in within:
        kinds = (
            model.model_fields[part].annotation,
            *get_args(model.model_fields[part].annotation),
        )
        model = next(
            kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Settings)
        )
    return model.model_fields


def _known(name: str, names: Iterable[str]) -> str:
    """'; did you mean x?' or what there is instead."""
    names = [name for name in names if isinstance(name, str)]
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean '{close[0]}'?"
    return f"; expected one of: {', '.join(names)}" if names else ""


def _there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def shown(value: Any) -> str:
    """A value as Python writes it, cut where it is long: aliases of aliases may stand for more than
    any memory holds.
    """
    return BRIEF.repr(value)
