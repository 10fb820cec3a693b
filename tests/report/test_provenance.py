"""What belongs together, params.yaml as the runs had it, and options, applied by DVC itself."""

import shlex
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from materials import RECIPE, card, cards, summary
from ruamel.yaml import YAML

from clfer.model.variant import Variant
from clfer.report.provenance import as_run, mismatches, options
from clfer.training.recipe import layered

YAML12 = YAML(typ="safe", pure=True)
KEYS = st.sampled_from(["train", "lr", "k", "run", "variants"])
TEXT = st.text("abZ09_./ -'\"\\,:=[]{}()é", max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-99, 99) | st.floats(-9, 9) | TEXT
VALUES = SCALARS | st.lists(SCALARS, max_size=3)
BLOCKS = st.dictionaries(
    KEYS, st.recursive(VALUES, lambda inner: st.dictionaries(KEYS, inner, max_size=3)), min_size=1
)


def applied(before: dict[str, Any], folder: Path, after: dict[str, Any]) -> Any:
    """The settings that DVC makes of `before` with the options that lead to `after`."""
    path = folder / "params.yaml"
    with path.open("w") as file:
        YAML12.dump(before, file)
    given = [shlex.split(option) for option in options(before, after)]
    assert all(one[0] == "-S" and len(one) == 2 for one in given)
    apply_overrides(path, [one[1] for one in given])
    return YAML12.load(path)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BLOCKS, BLOCKS)
def test_dvc_gets_from_any_settings_to_any_others(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert applied(before, tmp_path, after) == after


def test_only_what_differs_is_named_and_quoted_for_a_shell() -> None:
    before = {"run": {"datasets": ["demo"], "seeds": [0]}, "train": {"lr": 0.001, "ema": 0.0}}
    after = {"run": {"datasets": ["ferplus"], "seeds": [0]}, "train": {"lr": 0.002, "ema": 0.0}}
    assert options(before, after) == ["-S 'run.datasets=[ferplus]'", "-S train.lr=0.002"]
    assert options(before, before) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"demo": {"recipe": {}}}, {"demo": {"recipe": {"epochs": 3}}}),
        ({"demo": {"recipe": {"epochs": 3}}}, {"demo": {"recipe": {}}}),
        ({"ours": {}, "new": {"k": None}}, {"ours": {"k": None}}),
        ({"ours": {"k": 1}}, {"ours": 2}),
        ({"ours": 2}, {"ours": {"k": [1, {}]}}),
    ],
)
def test_blocks_that_become_empty_or_full(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert applied(before, tmp_path, after) == after


PARAMS: dict[str, Any] = {
    "run": {"datasets": ["faces"], "variants": ["ours", "baseline"], "seeds": [2, 0, 1]},
    "datasets": {"faces": {"recipe": {"epochs": 9}}, "other": {"recipe": {}}},
    "train": dict.fromkeys(RECIPE),
    "recipes": {"paper": {**RECIPE, "epochs": 100}, "short": {"epochs": 2}},
    "variants": {"baseline": {}, "ours": {"msr": {"fd": 128}, "clfm": {}}},
    "significance": {"alpha": 0.05, "margin": 0.01, "baseline": "baseline"},
}


def recipe(params: dict[str, Any], dataset: str, variant: str) -> dict[str, Any]:
    """How a variant is trained by these params."""
    recipes, name = params["recipes"], params["run"].get("recipe")
    named = {"named": recipes[name]} if name else {}
    own = params["variants"][variant].get("recipe", {})
    layers = {"paper": recipes["paper"], "own": params["datasets"][dataset]["recipe"], **named}
    return layered(layers, own, params["train"])[0]


@pytest.fixture
def changed() -> dict[str, Any]:
    """PARAMS to be changed by the test."""
    return deepcopy(PARAMS)


def test_the_same_settings_stay_as_they_are(changed: dict[str, Any]) -> None:
    assert as_run(changed, summary(), cards(), []) == changed == PARAMS


def test_the_grid_and_the_level_are_the_summarys() -> None:
    other = {**summary(seeds=2, variants=("baseline", "cl")), "alpha": 0.01}
    used = as_run(PARAMS, other, {}, [])
    assert used["run"] == {"datasets": ["faces"], "variants": ["baseline", "cl"], "seeds": [0, 1]}
    assert used["significance"]["alpha"] == 0.01


def test_settings_that_have_changed_are_those_of_the_models(changed: dict[str, Any]) -> None:
    changed["datasets"]["faces"]["recipe"]["epochs"] = 4
    changed["recipes"]["paper"] |= {"crop": 128, "new": 1}
    used = as_run(changed, summary(), cards(), [])
    for variant in ("baseline", "ours"):
        assert recipe(used, "faces", variant) == {**RECIPE, "new": 1}
    assert recipe(used, "other", "ours") == recipe(changed, "other", "ours")


def test_a_variants_own_setting_stays_its_own(changed: dict[str, Any]) -> None:
    changed["variants"]["ours"]["recipe"] = {"epochs": 4}
    given = cards() | {("faces", "ours", seed): card("ours", seed, epochs=5) for seed in range(3)}
    used = as_run(changed, summary(), given, [])
    assert recipe(used, "faces", "ours") == {**RECIPE, "epochs": 5}
    assert recipe(used, "faces", "baseline") == RECIPE


def test_what_was_set_under_train_stays_there(changed: dict[str, Any]) -> None:
    changed["train"]["epochs"] = 7
    used = as_run(changed, summary(), cards(), [])
    assert used["train"]["epochs"] == 9
    assert recipe(used, "faces", "ours") == RECIPE


def test_what_a_named_recipe_sets_stays_there(changed: dict[str, Any]) -> None:
    changed["run"]["recipe"] = "short"
    used = as_run(changed, summary(), cards(), [])
    assert used["recipes"]["short"] == {"epochs": 9}
    assert used["run"]["recipe"] == "short"


def test_modules_and_prepared_images_are_those_of_the_runs(changed: dict[str, Any]) -> None:
    then = {name: Variant.model_validate(row) for name, row in PARAMS["variants"].items()}
    models = cards()
    for (_, variant, _), model in models.items():
        model["variant"] = then[variant].model_dump(mode="json")
    changed["variants"] = {"baseline": {"msr": {}}, "ours": {"clfm": {"k": 8}}}
    used = as_run(changed, summary(), models, [{"datasets.faces.source": {"train": 200}}])
    assert used["variants"]["baseline"] == {}
    assert used["variants"]["ours"]["clfm"] == {"k": 4}
    assert Variant.model_validate(used["variants"]["ours"]) == then["ours"]
    assert used["datasets"]["faces"]["source"] == {"train": 200}


def test_what_does_not_belong_to_the_runs_is_named(changed: dict[str, Any]) -> None:
    assert mismatches(summary(), [], cards(), PARAMS, PARAMS) == []
    changed["train"]["lr"] = 0.1
    changed["variants"]["more"] = {}
    models = cards()
    models["faces", "ours", 2]["provenance"]["split_sha256"] = "x"
    file, split, params = mismatches(summary(), ["plots/accuracy.png"], models, changed, PARAMS)
    assert "`plots/accuracy.png` is not the file that these numbers" in file
    assert split.startswith("ours with seed 2 was trained on another split of faces")
    assert "train.lr was not there and is 0.1; variants.more was not there and is {}" in params
