"""params.yaml: whatever its bytes are, settings or one clear line."""

import re

import pytest
from closure import ROOT
from mutations import attack, broken, mutated

from clfer.datasets.splits import Split
from clfer.errors import InputError
from clfer.faces.alignment import Alignment
from clfer.model.variant import Variant
from clfer.scoring.summary import Significance
from clfer.training.recipe import Recipe
from pipeline import cell, params

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
]  # hundreds, on files that are wrong on purpose
TEXT = (ROOT / "params.yaml").read_bytes()
BLOCKS = re.split(rb"\n(?=\w)", TEXT)
SMALL = b"""\
run: &run
  datasets: [demo]
  variants: [ours]
  seeds: [0, 1]
train: {<<: *run, lr: 1e-3, date: 2001-01-01, text: !!str 1, set: !!set {a}, bin: !!binary aGk=}
more: |
  text
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    params.everything.cache_clear()


def asked():
    """Everything that the stages ask of the file."""
    yield params.Run, ("run",)
    yield Recipe, ("recipes", "paper")
    yield Split, ("split",)
    yield Significance, ("significance",)
    for name in params.block("variants"):
        yield Variant, ("variants", name)
    for name in params.block("datasets"):
        module = params.dataset(name)
        yield module.Source, ("datasets", name, "source")
        yield module.Labels, ("datasets", name, "labels")
        yield Alignment, ("datasets", name, "faces")


def read(content):
    params.PARAMS.write_bytes(content)
    params.everything.cache_clear()
    refused = []
    params.block("run")
    for model, keys in asked():
        try:
            assert isinstance(params.settings(model, *keys), model)
        except InputError as told:
            refused.append(told)
    for dataset in params.block("datasets"):
        for variant in params.block("variants"):
            try:
                cell.recipe(dataset, variant)
            except InputError as told:
                refused.append(told)
    assert all("\n" not in str(told) and len(str(told)) < 2000 for told in refused)
    if refused:
        raise refused[0]


def test_the_whole_file(here):
    attack("params.yaml", broken(TEXT), read, 30)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block(here, number):
    """What is done is done to one block of a file that is whole otherwise."""
    others = b"\n".join([*BLOCKS[:number], *BLOCKS[number + 1 :]])
    inputs = mutated(BLOCKS[number]).map(lambda block: others + b"\n" + block)
    attack(f"params.yaml {BLOCKS[number].split(b':')[0].decode()}", inputs, read, 15)


def test_all_that_yaml_can_say(here):
    attack("YAML", broken(SMALL), read, 150)
