"""Options of `dvc exp run`, applied by DVC itself."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import apply_overrides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from clfer.report.rerun import options

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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(BLOCKS, BLOCKS)
def test_dvc_gets_from_any_settings_to_any_others(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert applied(before, tmp_path, after) == after


def test_only_what_differs_is_named_and_quoted_for_a_shell() -> None:
    before = {"run": {"datasets": ["demo"], "seeds": [0, 1, 2]}, "train": {"lr": 0.001, "ema": 0.0}}
    after = {
        "run": {"datasets": ["ferplus"], "seeds": [0, 1, 2]},
        "train": {"lr": 0.002, "ema": 0.0},
    }
    assert options(before, after) == ["-S 'run.datasets=[ferplus]'", "-S train.lr=0.002"]
    assert options(before, before) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"demo": {"recipe": {}}}, {"demo": {"recipe": {"epochs": 3}}}),
        ({"demo": {"recipe": {"epochs": 3}}}, {"demo": {"recipe": {}}}),
        ({"ours": {"msr": {"fd": 128}}}, {"ours": {"msr": {"fd": 128}}, "new": {}}),
        ({"ours": {}, "new": {"k": None}}, {"ours": {"k": None}}),
        ({"ours": {"k": 1}}, {"ours": 2}),
        ({"ours": 2}, {"ours": {"k": [1, {}]}}),
    ],
)
def test_blocks_that_become_empty_or_full(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    assert applied(before, tmp_path, after) == after
