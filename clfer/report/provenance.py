"""Whether what a report shows belongs together, and how the reported runs are run again."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.report.contents import Cell, Contents
from clfer.training.recipe import VARIANTS, layered

Params = Mapping[str, Any]
NAMED = 3  # files of other runs
PLAIN = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)
# what the options take for something else than text
WORDS = ("null", "true", "false", "nan", "inf")


def mismatches(
    summary: Mapping[str, Any],
    changed: Iterable[str],
    cards: Mapping[Cell, Mapping[str, Any]],
    params: Params,
    used: Params,
) -> list[str]:
    """What does not belong to the runs of a summary, a sentence each.

    changed: those of its sources that are no longer as they were. cards: of the models that are.
    params: params.yaml now. used: the settings of the runs, see `as_run`.
    """
    found = [
        f"`{path}` is not the file that these numbers were computed from, and is left out."
        for path in changed
    ]
    for (dataset, variant, seed), card in cards.items():
        split = summary["sources"].get(f"data/splits/{dataset}.parquet")
        if split not in (None, card["provenance"].get("split_sha256")):
            found.append(
                f"{variant} with seed {seed} was trained on another split of {dataset} than it was "
                "tested on: it may have been trained on some of the test images."
            )
    before, now = flat(used), flat(params)
    edits = [
        f"{key} was {before.get(key, 'not there')} and is {now.get(key, 'gone')}"
        for key in {**before, **now}
        if before.get(key) != now.get(key)
    ]
    if edits:
        found.append(f"`params.yaml` has changed since the runs: {'; '.join(edits)}.")
    return found


def other_runs(about: Mapping[str, Any], contents: Contents) -> list[str]:
    """Why a table or figure is not of the runs of the summary; empty where it is.

    about: what it says of itself: `sources`, SHA-256 of files by path, and of a table `recipe`,
    the settings that all its cells share.
    """
    if about.get("sources") is None:
        return ["what it was made from is not recorded"]
    named, own = contents.summary["sources"], about.get("recipe") or {}
    models = [card for cell, card in contents.cards.items() if cell[0] == about["dataset"]]
    recipe = models[0]["provenance"]["recipe"] if models else {}
    files = [path for path, sha in about["sources"].items() if named.get(path) != sha]
    settings = [key for key in own if recipe.get(key, own[key]) != own[key]]
    return [
        *(f"another `{path}`" for path in files[:NAMED]),
        *([f"and {len(files) - NAMED} more files"] if len(files) > NAMED else []),
        *(f"{key} is {own[key]} here and {recipe[key]} there" for key in settings),
    ]


def as_run(
    params: Params,
    summary: Mapping[str, Any],
    cards: Mapping[Cell, Mapping[str, Any]],
    prepared: Iterable[Params],
) -> dict[str, Any]:
    """The params with what is known of the runs instead: the grid and the level of the tests from
    the summary, modules, recipe and the cut of the faces from the models' cards, and `prepared`:
    of each dataset blocks by key, such as datasets.demo.source.

    A setting that the params no longer have is left out: the code would refuse it.
    """
    found = deepcopy(dict(params))
    for place, value in chain.from_iterable(one.items() for one in prepared):
        *outer, last = place.split(".")
        block = found
        for key in outer:
            block = block.setdefault(key, {})
        block[last] = value
    run, tests = found.setdefault("run", {}), found.setdefault("significance", {})
    run |= grid(run, summary["datasets"])
    tests |= {key: summary[key] for key in ("alpha", "margin", "baseline") if key in summary}
    for (dataset, variant, _), card in cards.items():
        if dataset in found.get("datasets", {}) and variant in found.get("variants", {}):
            found["variants"][variant] = _modules(found["variants"][variant] or {}, card)
            _set_recipe(found, dataset, variant, card["provenance"]["recipe"])
            faces = found["datasets"][dataset].get("faces", {})
            faces |= {key: value for key, value in card.get("cut", {}).items() if key in faces}
    return found


def _modules(row: Mapping[str, Any], card: Mapping[str, Any]) -> dict[str, Any]:
    """The row of a variant with the modules of a card; what is as before stays as written."""
    own = {key: value for key, value in row.items() if key != "recipe"}
    now, then = Variant.model_validate(own).model_dump(mode="json"), card["variant"]
    found = dict(row)
    for module in now:
        if then.get(module) is None:
            found.pop(module, None)
        elif now[module] != then[module]:
            settings = now[module] or {}
            new = {k: v for k, v in then[module].items() if settings.get(k, ...) != v}
            found[module] = {**(row.get(module) or {}), **new}
    return found


def _set_recipe(params: dict[str, Any], dataset: str, variant: str, recipe: Params) -> None:
    """Change what is set otherwise, where it is set: of the paper's recipe in the dataset's."""
    recipes, row = params.get("recipes", {}), params["variants"][variant]
    own = params["datasets"][dataset].setdefault("recipe", {})
    layers = {"recipes.paper": recipes.get("paper", {}), "dataset": own}
    blocks = {"recipes.paper": own, "dataset": own, "train": params.get("train", {})}
    if (named := params.get("run", {}).get("recipe")) in recipes:
        layers["named"] = blocks["named"] = recipes[named]
    blocks[VARIANTS] = row.get("recipe", {})
    try:
        now, origin = layered(layers, blocks[VARIANTS], blocks["train"])
    except InputError:  # params.yaml sets one thing twice
        return
    for key in now:
        if key in recipe and recipe[key] != now[key]:
            blocks[origin[key]][key] = recipe[key]


def grid(run: Params, datasets: Mapping[str, Any]) -> dict[str, Any]:
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


def flat(block: Params, above: str = "") -> dict[str, Any]:
    """The settings by their whole keys, with dots between; an empty block is itself a setting."""
    found: dict[str, Any] = {}
    for key, value in block.items():
        inner = isinstance(value, Mapping) and value
        found |= flat(value, f"{above}{key}.") if inner else {f"{above}{key}": value}
    return found


def options(before: Params, after: Params) -> list[str]:
    """One `-S key=value` for each setting that differs, quoted for a shell; `+` adds, `~` drops."""
    return [f"-S {shlex.quote(one)}" for one in _changes(before, after, "")]


def _changes(before: Params, after: Params, above: str) -> Iterator[str]:
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
            yield from _changes(old, value, f"{place}.")
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
        case str() if PLAIN.fullmatch(value) and value.lower() not in WORDS:
            return value
        case str():  # a backslash escapes nothing but a quote, and itself before one
            escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + ("\\'" if m[2] else ""), value)
            return f"'{escaped}'"
        case Mapping():
            return "{" + ",".join(f"{key}:{written(one)}" for key, one in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(written, value)) + "]"
        case _:
            return str(value)
