"""params.yaml as validated settings: the only place that reads it."""

import difflib
import importlib
import importlib.util
import reprlib
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Annotated, Any, TypeVar, get_args

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from clfer.errors import InputError
from clfer.settings import Settings

PARAMS = Path("params.yaml")
INSTEAD: dict[str, Any] = {}  # blocks that are read instead of the file's, see `overridden`
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
    recipe: str | None = None  # a block of `recipes`, over the datasets' own


class Bounded(SafeConstructor):
    """Merges of merges of merges double what they hold: refused beyond ENTRIES."""

    def flatten_mapping(self, node: Any) -> Any:
        flat = super().flatten_mapping(node)
        if len(node.value) > ENTRIES:
            raise YAMLError(f"a block of more than {ENTRIES:,} entries, merged ones included")
        return flat


@cache
def everything() -> Mapping[str, Any]:
    """The file as it is."""
    if not PARAMS.is_file():
        raise InputError(
            f"{PARAMS} is missing in {Path.cwd()}; run clfer in the folder of the checkout"
        )
    loaded = _parsed(PARAMS)
    ASKED.clear()  # that was of another reading
    return loaded


@contextmanager
def overridden(overrides: Sequence[str]) -> Iterator[None]:
    """In the block, parameters are read as with these overrides, written as for `dvc exp run -S`;
    the file stays as it is.

    Raises InputError where an override is none, or one of how data are prepared, which is done by
    the file as it stands.
    """
    try:
        if overrides:
            replace(_with(overrides))
        yield
    finally:
        INSTEAD.clear()


def replace(blocks: Mapping[str, Any]) -> None:
    """Read these blocks instead of the file's until `overridden` ends."""
    INSTEAD.update(blocks)


def _with(overrides: Sequence[str]) -> Mapping[str, Any]:
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides

    before = everything()
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(PARAMS, folder))
        try:
            apply_overrides(copy, list(overrides))
        except InvalidArgumentError as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise InputError(
                f"-S: expected settings of {PARAMS} such as train.lr=0.002, "
                f"found {' '.join(overrides)}: {reason}"
            ) from error
        after = _parsed(copy)
    for name, own in after["datasets"].items():
        for part in ("source", "labels", "faces"):
            if before["datasets"].get(name, {}).get(part) != own.get(part):
                raise InputError(_prepared(f"datasets.{name}.{part}"))
    if before["split"] != after["split"]:
        raise InputError(_prepared("split"))
    return after


def _prepared(place: str) -> str:
    return (
        f"-S: expected settings of models and their training, found {place}, by which data are "
        f"prepared: change it in {PARAMS} and run `dvc repro`, or use `dvc exp run -S`"
    )


def _parsed(path: Path) -> Mapping[str, Any]:
    """A file of parameters, read as YAML 1.2 like DVC does: 1e-4 is a number to both."""
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(f"{PARAMS}: expected at most {LARGEST:,} bytes, found {size:,}")
    try:
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = Bounded
        loaded = yaml.load(path)
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
    checked: Mapping[str, Any] = loaded
    return checked


def block(*keys: str) -> Any:
    """What stands under `keys`; InputError names what is missing and what is alike."""
    ASKED[keys] = found = _under(keys)
    return found


def mapping(*keys: str) -> Mapping[str, Any]:
    """What stands under `keys`; InputError unless that is a block of parameters."""
    found: Mapping[str, Any] = block(*keys)
    _check_block(found, *keys)
    return found


def optional(*keys: str) -> Any:
    """What stands under `keys`, null where nothing does."""
    ASKED[keys] = found = _under(keys[:-1]).get(keys[-1])
    return found


def check_unchanged() -> None:
    """InputError where what was asked for no longer stands in the file as it was read: DVC notes
    the values that it finds when a stage has ended, whatever it ran with.
    """
    asked = dict(ASKED)
    everything.cache_clear()
    for keys, was in asked.items():
        now = _under(keys) if was is not None else _under(keys[:-1]).get(keys[-1])
        if changed := _changed(".".join(keys), was, now):
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
    found: Any = {**everything(), **INSTEAD}
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
    values = mapping(*keys)
    try:
        merged = {**values, **(over or {})}
        return model.model_validate({k: v for k, v in merged.items() if k not in without})
    except ValidationError as error:
        raise InputError(explained(error, model, keys)) from error


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


def explained(error: ValidationError, model: type[Settings], keys: Iterable[str]) -> str:
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
