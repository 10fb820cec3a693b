"""params.yaml: complete, in the form in which DVC writes it back, and refused where it is wrong."""

import shutil

import pytest
from closure import ROOT
from omegaconf import OmegaConf
from ruamel.yaml import YAML

from clfer.errors import InputError
from clfer.model.variant import Variant
from clfer.training.recipe import Recipe
from pipeline import params

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

    def edit(*replacements):
        text = (ROOT / "params.yaml").read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new, 1)
        (tmp_path / "params.yaml").write_text(text)
        monkeypatch.chdir(tmp_path)
        params.everything.cache_clear()

    yield edit
    params.everything.cache_clear()


def test_every_block_is_complete(edited):
    edited()
    params.settings(params.Run, "run")
    for name in params.block("datasets"):
        module = params.dataset(name)
        params.settings(module.Source, "datasets", name, "source")
        params.settings(module.Labels, "datasets", name, "labels")
        params.settings(Recipe, "train", over=params.block("datasets", name, "recipe"))


def test_the_variants_are_the_rows_of_table_4_and_differ_in_nothing_else(edited):
    edited()
    ours = params.settings(Variant, "variants", "ours")
    for name, modules in TABLE4.items():
        row = params.settings(Variant, "variants", name)
        for module in ("msr", "clfm", "clbs"):
            expected = getattr(ours, module) if module in modules else None
            assert getattr(row, module) == expected
    assert ours.clfm.alpha == ours.clbs.beta == (0.0, 0.1, 0.0)


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
    assert changed == [("  lr: 0.001", "  lr: 0.002")]
    assert OmegaConf.create(YAML(typ="safe").load(copy))["train"]["lr"] == 0.002


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  lr: 0.001", "  lrr: 0.001", r"train\.lr is missing"),
        ("  lr: 0.001\n", "", r"params.yaml: train\.lr is missing"),
        ("  lr: 0.001", "  lr: -1", r"train\.lr: input should be greater than 0; found -1"),
        ("  lr: 0.001", "  lr: fast", r"train\.lr: input should be a valid number.*found 'fast'"),
        ("  select: val", "  select: best", r"train\.select:.*'val' or 'test'; found 'best'"),
        ("  resize: 256", "  resize: 200", r"crop: expected at most resize = 200, found 224"),
        ("train:\n  backbone", "train: 3\nother:\n  backbone", r"train: expected a block.*found 3"),
        ("train:\n  backbone", "train: {\n  backbone", r"params.yaml is no valid YAML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(edited, old, new, message):
    edited((old, new))
    with pytest.raises(InputError, match=message):
        params.settings(Recipe, "train")


def test_an_unknown_key_beside_all_known_ones(edited):
    edited(("  lr: 0.001", "  lr: 0.001\n  epoch: 3"))
    with pytest.raises(
        InputError, match=r"train\.epoch is not a parameter; did you mean 'epochs'\?"
    ):
        params.settings(Recipe, "train")


def test_misspelt_names(edited):
    edited()
    with pytest.raises(InputError, match=r"datasets has no 'ferpluss'; did you mean 'ferplus'\?"):
        params.dataset("ferpluss")
    with pytest.raises(InputError, match=r"variants has no 'our'; did you mean 'ours'\?"):
        params.settings(Variant, "variants", "our")


def test_a_folder_without_params(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params.everything.cache_clear()
    with pytest.raises(InputError, match=r"params.yaml is missing in .*run clfer in the folder"):
        params.block("train")
    params.everything.cache_clear()
