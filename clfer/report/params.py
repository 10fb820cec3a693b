"""The content of params.yaml: as it is now, and as it was for the runs that are reported."""

from collections.abc import Mapping
from copy import deepcopy
from itertools import chain
from typing import Any

from clfer.report.material import Cell


def recipe(params: Mapping[str, Any], dataset: str, variant: str) -> dict[str, Any] | None:
    """How a variant is trained on a dataset by these params; None where they lack one of the two.

    A dataset's recipe overrides `train`, and a variant's own overrides both.
    """
    sets, rows = params.get("datasets", {}), params.get("variants", {})
    if dataset not in sets or variant not in rows:
        return None
    own = [(block or {}).get("recipe", {}) for block in (sets[dataset], rows[variant])]
    return {**params.get("train", {}), **own[0], **own[1]}


def as_run(
    params: Mapping[str, Any], summary: Mapping[str, Any], cards: Mapping[Cell, Mapping[str, Any]]
) -> dict[str, Any]:
    """The params with what is known of the runs instead: the grid and the level of the tests from
    the summary, the recipe from the models' cards.

    A setting that the params no longer have is left out: the code would refuse it.
    """
    found = deepcopy(dict(params))
    found["run"] = grid(params.get("run", {}), summary["datasets"])
    given = {key: summary[key] for key in ("alpha", "baseline")}
    found["significance"] = {**params.get("significance", {}), **given}
    for (dataset, variant, _), card in cards.items():
        now = recipe(found, dataset, variant) or {}
        then = card["provenance"]["recipe"]
        apart = {key: then[key] for key in now if key in then and then[key] != now[key]}
        own = (found.get("variants", {}).get(variant) or {}).get("recipe", {})
        for key, value in apart.items():
            (own if key in own else found["datasets"][dataset].setdefault("recipe", {}))[key] = (
                value
            )
    return found


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
