"""params.yaml: complete, in the form in which DVC writes it back, and refused where it is wrong."""

import shutil

import pytest
from checkouts import edit
from closure import ROOT
from omegaconf import OmegaConf
from ruamel.yaml import YAML

from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.training.recipe import Recipe
from pipeline import cell, params

TABLE4 = {
    "baseline": (),
    "clbs": ("clbs",),
    "clfm": ("clfm",),
    "cl": ("clfm", "clbs"),
    "msr": ("msr",),
    "msr_clbs": ("msr", "clbs"),
    "msr_clfm": ("msr", "clfm"),
    "ours": ("msr", "clfm", "clbs"),
}


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """A function that puts a changed params.yaml into a fresh folder and goes there."""

    def changed(*replacements):
        (tmp_path / "params.yaml").unlink(missing_ok=True)
        edit(tmp_path, *replacements)
        monkeypatch.chdir(tmp_path)
        params.everything.cache_clear()

    return changed


def test_every_block_is_complete(edited):
    edited()
    params.settings(params.Run, "run")
    for name in params.block("datasets"):
        module = params.dataset(name)
        params.settings(module.Source, "datasets", name, "source")
        params.settings(module.Labels, "datasets", name, "labels")
        cell.recipe(name, "ours")
    for name in params.block("recipes"):
        cell.recipe("ferplus", "ours", name)
    assert {*params.block("train")} == {*Recipe.model_fields} == {*params.block("recipes", "paper")}
    assert set(params.block("train").values()) == {None}


def test_the_variants_are_the_rows_of_table_4_and_differ_in_nothing_else(edited):
    edited()
    ours = params.settings(Variant, "variants", "ours")
    for name, modules in TABLE4.items():
        row = params.settings(Variant, "variants", name)
        for module in ("msr", "clfm", "clbs"):
            expected = getattr(ours, module) if module in modules else None
            assert getattr(row, module) == expected
    for name, row in params.block("variants").items():
        found = params.settings(Variant, "variants", name)
        assert all(getattr(found, module) is not None for module in row)
    assert params.settings(Variant, "variants", "class_center").clbs.centers == "class"
    assert ours.clfm.alpha == ours.clbs.beta == (0.0, 0.1, 0.0)


def test_what_the_paper_does_not_do_is_off(edited):
    edited()
    off = {"label_smoothing": 0, "ema": 0, "labelled_fraction": 1, "balance": "none"}
    paper = cell.recipe("ferplus", "ours")
    assert off.items() <= paper.model_dump().items()
    assert (paper.schedule, paper.decay, paper.targets) == ("exponential", 0.9, "majority")
    for name in params.block("datasets"):
        assert off.items() <= cell.recipe(name, "ours").model_dump().items()


def test_dvc_would_write_the_file_back_as_it_is(tmp_path):
    """`-S` dumps through ruamel; the diff shall be the line that changed."""
    from dvc.utils.serialize import modify_yaml

    copy = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", copy)
    with modify_yaml(copy) as loaded:
        loaded["train"]["lr"] = 0.002
    before, after = (ROOT / "params.yaml").read_text(), copy.read_text()
    changed = [
        (a, b) for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b
    ]
    assert changed == [("  lr:", "  lr: 0.002")]
    assert OmegaConf.create(YAML(typ="safe").load(copy))["train"]["lr"] == 0.002


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  lr:\n", "  lr:\n  epoch: 3\n", r"train\.epoch is not a .*; did you mean 'epochs'\?"),
        ("    lr: 0.001\n", "", r"params.yaml: recipes\.paper\.lr is missing"),
        ("  lr:\n", "  lr: fast\n", r"train\.lr: input should be a valid number.*found 'fast'"),
        ("  lr:\n", "  lr: true\n", r"train\.lr: input should be a valid number; found True"),
        ("  lr:\n", "  lr: .inf\n", r"train\.lr: input should be a finite number; found inf"),
        ("  batch_size:\n", '  batch_size: "16"\n', r"batch_size: .*valid integer; found '16'"),
        ("  epochs:\n", "  epochs: 2.0\n", r"train\.epochs: .*valid integer; found 2\.0"),
        ("  compile:\n", "  compile: yes\n", r"train\.compile: .*valid boolean; found 'yes'"),
        ("  select:\n", "  select: best\n", r"train\.select:.*'val' or 'test'; found 'best'"),
        ("  watch_test:\n", "  watch_test: y\n", r"train\.watch_test: .*or 'outputs'; found 'y'"),
        ("  resize:\n", "  resize: 200\n", r"paper: crop: expected at most resize = 200, .* 224$"),
        ("  crop:\n", "  crop: 300\n", r"train: crop: expected at most resize = 256, found 300$"),
        ("  - 2\n  recipe", "  - 1\n  recipe", r"run\.seeds: expected each once; .*1, 1\]"),
        ("smoothing: 0.0", "smoothing: 1", r"recipes\.paper\.label_sm.*less than 1; found 1"),
        ("labelled_fraction:\n", "labelled_fraction: 0\n", r"fraction: .*than 0; found 0"),
        ("train:\n  backbone", "train: 3\nother:\n  backbone", r"train: expected a block.*found 3"),
        ("train:\n  backbone", "train: {\n  backbone", r"params.yaml is no valid YAML"),
        ("  recipe:\n", "  recipe: scrach\n", r"recipes has no 'scrach'; did you mean 'scratch'\?"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(edited, old, new, message):
    edited((old, new))
    with pytest.raises(InputError, match=message):
        cell.recipe("ferplus", "baseline")


def test_a_setting_is_of_the_last_layer_that_has_it(edited):
    edited()
    paper, demo = (cell.recipe(name, "ours") for name in ("ferplus", "demo"))
    assert (paper.epochs, paper.backbone, paper.lr) == (100, "resnet18", 0.001)
    assert (demo.epochs, demo.backbone, demo.lr) == (12, "resnet10_quarter", 0.001)
    named = cell.recipe("ferplus", "ours", "scratch")
    assert (named.epochs, named.lr, named.decay) == (40, 0.002, 0.9)
    edited(("  recipe:\n", "  recipe: scratch\n"), ("  epochs:\n", "  epochs: 3\n"))
    both = cell.recipe("demo", "ours")
    assert both == named.model_copy(update={"epochs": 3, "threads": 1, "backbone": demo.backbone})


def test_what_train_and_a_variant_both_set_is_refused(edited):
    own = "  baseline:\n    recipe:\n      labelled_fraction: 0.2\n"
    edited(("  baseline: {}\n", own))
    assert cell.recipe("ferplus", "baseline").labelled_fraction == 0.2
    edited(("  baseline: {}\n", own), ("  labelled_fraction:\n", "  labelled_fraction: 0.5\n"))
    with pytest.raises(InputError, match=r"train\.labelled_fraction: found 0\.5, but .* has 0\.2"):
        cell.recipe("ferplus", "baseline")
    edited(("  baseline: {}\n", own.replace("0.2", "2")))
    with pytest.raises(
        InputError, match=r"variants\.baseline\.recipe\.labelled_fraction: .*found 2"
    ):
        cell.recipe("ferplus", "baseline")


@pytest.mark.parametrize("seed", ["true", "1.0", "-1", "99999999999", "'1'", "[1]"])
def test_seeds_are_whole_numbers(edited, seed):
    edited(("  - 1\n", f"  - {seed}\n"))
    with pytest.raises(InputError, match=r"run\.seeds\.1: input should be"):
        params.block("split")  # whichever command reads the file


@pytest.mark.parametrize(
    ("row", "old", "new", "message"),
    [
        ("simsiam", "{simsiam: {}}", "{simsian: {}}", r"simsian is not a param.*mean 'simsiam'\?"),
        ("scn", "scn: {}", "scn: {highh: 3}", r"scn\.highh is not .*mean 'high'\?"),
        ("class_center", "centers: class", "centers: group", r"'kmeans' or 'class'; found 'group'"),
        ("clfm", "clfm: {}", "clfm: {fd: 15}", r"clfm\.clfm\.fd: .*multiple of 2; found 15"),
        ("clfm", "clfm: {}", "clfm: {alpha: [0, true, 0]}", r"alpha\.1: .*number; found True"),
        ("baseline", "baseline: {}", "baseline:", r"baseline: expected a block.*found None"),
        ("baseline", "baseline: {}", "baseline: {warmup: {share: 0.5}}", r"warmup: .*neither"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_variant_is_named(edited, row, old, new, message):
    edited((old, new))
    with pytest.raises(InputError, match=message):
        params.settings(Variant, "variants", row)


def test_a_folder_without_params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"params.yaml is missing in .*run clfer in the folder"):
        params.block("train")
