"""How the reported runs are run again: their params, and the options of `dvc exp run` to them."""

import re
import shlex
from collections.abc import Iterator, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

from clfer.errors import InputError
from clfer.report.material import Cell
from clfer.training.recipe import VARIANTS, layered

PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
# What the options take for something else than text.
WORDS = ("null", "true", "false", "nan", "inf")


def recipe(params: Mapping[str, Any], dataset: str, variant: str) -> dict[str, Any] | None:
    """How a variant is trained on a dataset by these params; None where they lack one of the two,
    or set one thing twice.
    """
    found = _layered(params, dataset, variant)
    return found and found[0]


def _layered(
    params: Mapping[str, Any], dataset: str, variant: str
) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The settings and their layers, named by the keys that lead to them, with dots between."""
    sets, rows, recipes = (params.get(key, {}) for key in ("datasets", "variants", "recipes"))
    if dataset not in sets or variant not in rows:
        return None
    layers = {
        "recipes.paper": recipes.get("paper", {}),
        f"datasets.{dataset}.recipe": sets[dataset].get("recipe", {}),
    }
    if (named := params.get("run", {}).get("recipe")) in recipes:
        layers[f"recipes.{named}"] = recipes[named]
    own = (rows[variant] or {}).get("recipe", {})
    try:
        return layered(layers, own, params.get("train", {}))
    except InputError:
        return None


def as_run(
    params: Mapping[str, Any], summary: Mapping[str, Any], cards: Mapping[Cell, Mapping[str, Any]]
) -> dict[str, Any]:
    """The params with what is known of the runs instead: the grid and the level of the tests from
    the summary, the recipe from the models' cards.

    A setting that the params no longer have is left out: the code would refuse it.
    """
    found = deepcopy(dict(params))
    found["run"] = {**params.get("run", {}), **grid(params.get("run", {}), summary["datasets"])}
    given = {key: summary[key] for key in ("alpha", "baseline")}
    found["significance"] = {**params.get("significance", {}), **given}
    for (dataset, variant, _), card in cards.items():
        now, origin = _layered(found, dataset, variant) or ({}, {})
        then = card["provenance"]["recipe"]
        for key in now:
            if key in then and then[key] != now[key]:
                _block(found, origin[key], dataset, variant)[key] = then[key]
    return found


def _block(params: dict[str, Any], layer: str, dataset: str, variant: str) -> dict[str, Any]:
    """Where a setting of a layer is changed: in it, and for the paper's in the dataset's recipe."""
    if layer == VARIANTS:
        place: dict[str, Any] = params["variants"][variant]["recipe"]
    elif layer == "train":
        place = params["train"]
    elif layer.startswith("datasets.") or layer == "recipes.paper":
        place = params["datasets"][dataset].setdefault("recipe", {})
    else:
        place = params["recipes"][layer.removeprefix("recipes.")]
    return place


def grid(run: Mapping[str, Any], datasets: Mapping[str, Any]) -> dict[str, Any]:
    """The grid that covers a summary's datasets, in the order of `run` where it is the same."""
    variants = [one["variants"] for one in datasets.values()]
    wanted = {
        "datasets": list(datasets),
        "variants": list(dict.fromkeys(chain.from_iterable(variants))),
        "seeds": sorted({seed for v in variants for one in v.values() for seed in one["seeds"]}),
    }
    return {
        key: run[key] if sorted(run.get(key, [])) == sorted(one) else one
        for key, one in wanted.items()
    }


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
