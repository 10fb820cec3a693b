"""params.yaml as the reported runs had it."""

from copy import deepcopy
from typing import Any

from materials import RECIPE, card, cards, summary

from clfer.report.params import as_run, recipe

PARAMS: dict[str, Any] = {
    "run": {"datasets": ["faces"], "variants": ["ours", "baseline"], "seeds": [2, 0, 1]},
    "datasets": {"faces": {"recipe": {"epochs": 9}}, "other": {"recipe": {}}},
    "train": {**RECIPE, "epochs": 100},
    "variants": {"baseline": {}, "ours": {"msr": {"fd": 128}}},
    "significance": {"alpha": 0.05, "baseline": "baseline"},
}


def test_a_recipe_is_what_stands_nearest() -> None:
    assert recipe(PARAMS, "faces", "ours") == RECIPE
    assert recipe(PARAMS, "other", "ours") == {**RECIPE, "epochs": 100}
    own = deepcopy(PARAMS)
    own["variants"]["ours"] = {"recipe": {"epochs": 3}}
    own["variants"]["baseline"] = None  # an empty row of YAML
    assert recipe(own, "faces", "ours") == {**RECIPE, "epochs": 3}
    assert recipe(own, "faces", "baseline") == RECIPE
    assert recipe(PARAMS, "gone", "ours") is recipe(PARAMS, "faces", "gone") is None


def test_the_same_settings_stay_as_they_are() -> None:
    given = deepcopy(PARAMS)
    assert as_run(given, summary(), cards()) == PARAMS
    assert given == PARAMS


def test_the_grid_and_the_level_are_the_summarys() -> None:
    found = summary(seeds=2, variants=("baseline", "cl"))
    found["alpha"] = 0.01
    used = as_run(PARAMS, found, {})
    assert used["run"] == {"datasets": ["faces"], "variants": ["baseline", "cl"], "seeds": [0, 1]}
    assert used["significance"]["alpha"] == 0.01


def test_settings_that_have_changed_are_those_of_the_models() -> None:
    changed = deepcopy(PARAMS)
    changed["datasets"]["faces"]["recipe"]["epochs"] = 4
    changed["train"] |= {"crop": 128, "new": 1}
    used = as_run(changed, summary(), cards())
    for variant in ("baseline", "ours"):
        assert recipe(used, "faces", variant) == {**RECIPE, "new": 1}
    assert recipe(used, "other", "ours") == recipe(changed, "other", "ours")


def test_a_variants_own_setting_stays_its_own() -> None:
    changed = deepcopy(PARAMS)
    changed["variants"]["ours"]["recipe"] = {"epochs": 4}
    given = cards() | {("faces", "ours", seed): card("ours", seed, epochs=5) for seed in range(3)}
    used = as_run(changed, summary(), given)
    assert recipe(used, "faces", "ours") == {**RECIPE, "epochs": 5}
    assert recipe(used, "faces", "baseline") == RECIPE
