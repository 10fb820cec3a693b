"""params.yaml as validated settings: the only module that reads it."""

import importlib
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError

from clfer.errors import InputError, did_you_mean, in_one_line
from clfer.settings import Settings, check_name, explained, shown
from pipeline.options import SEEDS

PARAMS = Path("params.yaml")
INSTEAD: dict[str, Any] = {}  # all that is read instead of the file, see `overridden`
ASKED: dict[tuple[str, ...], Any] = {}  # what `block` was asked for, and what stood there
OF_BLOCKS = ("datasets", "variants", "recipes")  # every entry of these is a block itself
PREPARING = r"split\b|datasets\.[^.]+\.(source|labels|faces)\b"  # settings of data, by place
ENTRIES = 10_000  # of one block, merged ones (<<) included
LARGEST = 1 << 18  # bytes; ours has 6,000
Several = Field(min_length=1, strict=False)
S = TypeVar("S", bound=Settings)


class Run(Settings):
    """The grid: every variant is trained on every dataset with every seed."""

    datasets: tuple[str, ...] = Several
    variants: tuple[str, ...] = Several
    seeds: tuple[Annotated[int, Field(ge=0, le=SEEDS)], ...] = Several
    recipe: str | None = None  # a block of `recipes`, over the datasets' own

    @field_validator("datasets", "variants", "seeds")
    @classmethod
    def _each_once(cls, listed: tuple[Any, ...]) -> tuple[Any, ...]:
        if len({*listed}) < len(listed):
            raise ValueError("expected each once")
        return listed


class Bounded(SafeConstructor):
    """Merges of merges of merges double what they hold: refused beyond ENTRIES."""

    def flatten_mapping(self, node: Any) -> Any:
        flat = super().flatten_mapping(node)
        if len(node.value) > ENTRIES:
            raise YAMLError(f"a block of more than {ENTRIES:,} entries, merged ones included")
        return flat


@cache
def everything() -> Mapping[str, Any]:
    if not PARAMS.is_file():
        raise InputError(
            f"{PARAMS} is missing in {Path.cwd()}; run clfer in the folder of the checkout"
        )
    loaded = _parsed(PARAMS)
    ASKED.clear()  # that was of another reading
    return loaded


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
        raise InputError(f"{PARAMS} is no valid YAML: {in_one_line(error, 500)}") from error
    if not isinstance(loaded, dict):
        raise InputError(f"{PARAMS}: expected blocks of parameters, found {type(loaded).__name__}")
    for name in OF_BLOCKS:
        _check_block(loaded.get(name, {}), name)
        folders: dict[str, str] = {}
        for entry, own in loaded.get(name, {}).items():
            check_name(entry, f"{PARAMS}: {name}")
            if (other := folders.setdefault(entry.casefold(), entry)) != entry:
                raise InputError(
                    f"{PARAMS}: {name}: expected names that differ in more than capitals, which "
                    f"some systems write into one folder; found {other} and {entry}"
                )
            _check_block(own, name, entry)
    for name, own in loaded.get("datasets", {}).items():
        _check_block(own.get("recipe", {}), "datasets", name, "recipe")
    _check_run(loaded)
    return dict(loaded)


def _check_run(loaded: Mapping[str, Any]) -> None:
    """InputError where the grid is none, or names a dataset or variant that there is not: DVC would
    name it late, and without what is alike.
    """
    if "run" not in loaded:
        return
    run = _validated(Run, loaded["run"], "run")
    for name, listed in (("datasets", run.datasets), ("variants", run.variants)):
        for one in listed:
            if one not in (known := loaded.get(name, {})):
                near = did_you_mean(one, known)
                raise InputError(f"{PARAMS}: run.{name}: there is no {shown(one)} in {name}{near}")


def block(*keys: str) -> Any:
    """What stands under `keys`; InputError names what is missing and what is alike."""
    ASKED[keys] = value = _under(keys)
    return value


def mapping(*keys: str) -> Mapping[str, Any]:
    """What stands under `keys`; InputError unless that is a block of parameters."""
    value: Mapping[str, Any] = block(*keys)
    _check_block(value, *keys)
    return value


def optional(*keys: str) -> Any:
    """What stands under `keys`, null where nothing does."""
    ASKED[keys] = value = _under(keys[:-1]).get(keys[-1])
    return value


def check_there(*keys: str) -> None:
    """InputError unless something stands there, whatever it is: no stage depends on all of it."""
    _under(keys)


def settings(
    model: type[S], *keys: str, over: Mapping[str, Any] | None = None, without: Iterable[str] = ()
) -> S:
    """The block under `keys` as validated settings, entries of `over` instead of its own, and none
    of `without`.
    """
    merged = {**mapping(*keys), **(over or {})}
    return _validated(model, {k: v for k, v in merged.items() if k not in without}, *keys)


def _validated(model: type[S], values: Any, *keys: str) -> S:
    _check_block(values, *keys)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise InputError(explained(error, model, f"{PARAMS}: {'.'.join(keys)}")) from error


def dataset(name: str) -> ModuleType:
    """The module that reads a dataset: clfer/datasets/NAME.py, or `dataset.py` in a folder NAME."""
    check_there("datasets", name)
    folder = Path(__file__).parents[1] / "clfer/datasets"
    for module, file in ((f"{name}.dataset", f"{name}/dataset.py"), (name, f"{name}.py")):
        if name.isidentifier() and (folder / file).is_file():
            read = importlib.import_module(f"clfer.datasets.{module}")
            if hasattr(read, "EVIDENCE"):
                return read
    raise InputError(f"datasets.{name}: there is no module clfer.datasets.{name} that reads it")


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


@contextmanager
def overridden(overrides: Sequence[str]) -> Iterator[None]:
    """In the block, parameters are read as with these overrides, written as for `dvc exp run -S`;
    the file stays as it is.

    Raises InputError where an override is none, or one of how data are prepared, which is done by
    the file as it stands.
    """
    try:
        if overrides:
            INSTEAD.update(_with(overrides))
        yield
    finally:
        INSTEAD.clear()


def replace(blocks: Mapping[str, Any]) -> None:
    """Read these blocks instead of the file's until `overridden` ends."""
    INSTEAD.update({**(INSTEAD or everything()), **blocks})


def _with(overrides: Sequence[str]) -> Mapping[str, Any]:
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides
    from omegaconf.errors import OmegaConfBaseException

    before = dict(_dotted(everything()))
    for key in (one.partition("=")[0] for one in overrides if "=" in one):
        if key not in before and key[:1] not in ("+", "~"):
            near = did_you_mean(key, before)
            near = near if near.startswith("; did you mean") else ";"
            if near == ";" or key.startswith(("variants.", "recipes.")):
                near += f" +{key}=VALUE adds it"
            raise InputError(f"-S: {PARAMS} has no '{key}'{near}")
    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(PARAMS, folder))
        try:
            apply_overrides(copy, list(overrides))
        except (InvalidArgumentError, OmegaConfBaseException, YAMLError) as error:
            raise InputError(
                f"-S: expected settings of {PARAMS} such as train.lr=0.002, "
                f"found {' '.join(overrides)}: {in_one_line(error.__cause__ or error, 500)}"
            ) from error
        changed = _parsed(copy)
    after = dict(_dotted(changed))
    for key in sorted(key for key in {**before, **after} if before.get(key) != after.get(key)):
        if re.match(PREPARING, key):
            raise InputError(
                f"-S: expected settings of models and their training, found {key}, by which data "
                f"are prepared: change it in {PARAMS} and run `dvc repro`, or use `dvc exp run -S`"
            )
    return changed


def _dotted(values: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    """What stands at 'train', 'train.lr' and all other places."""
    for key, value in values.items():
        yield f"{outer}{key}", value
        if isinstance(value, dict):
            yield from _dotted(value, f"{outer}{key}.")


def _under(keys: Sequence[str]) -> Any:
    """What stands there; InputError names what is missing and what is alike."""
    value: Any = INSTEAD or everything()
    for depth, key in enumerate(keys):
        if not isinstance(value, dict) or key not in value:
            where = ".".join((str(PARAMS), *keys[:depth]))
            names = [one for one in value or () if isinstance(one, str)]
            raise InputError(f"{where} has no '{key}'{did_you_mean(key, names)}")
        value = value[key]
    return value


def _check_block(values: Any, *keys: str) -> None:
    if not isinstance(values, dict):
        raise InputError(
            f"{PARAMS}: {'.'.join(keys)}: expected a block of parameters, found {shown(values)}"
        )
