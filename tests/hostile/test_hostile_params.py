"""A params.yaml that wants to be code, or to fill the memory."""

import pytest
from closure import ROOT
from watched import watched

from clfer.errors import InputError
from pipeline import params

MB = 1 << 20
TEXT = (ROOT / "params.yaml").read_text()
LAUGHS = "a0: &a0 [lol, lol]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 40)
)
READ = (
    "import os\nfrom pipeline import params\nfrom clfer.training.recipe import Recipe",
    "os.chdir(path.parent); params.settings(Recipe, 'recipes', 'paper')",
)


@pytest.fixture
def said(tmp_path, monkeypatch):
    """A function that reads this text as params.yaml and gives the line that comes of it."""
    monkeypatch.chdir(tmp_path)

    def read(text, *asked):
        (tmp_path / "params.yaml").write_text(text)
        params.everything.cache_clear()
        with pytest.raises(InputError) as refused:
            params.block(*asked)
        assert str(refused.value).isprintable()
        return str(refused.value)

    yield read
    params.everything.cache_clear()


@pytest.mark.parametrize(
    "code",
    [
        "!!python/object/apply:os.system ['touch mark']",
        "!!python/object/new:os.system ['touch mark']",
        "!!python/name:os.system",
        "!!python/module:os",
        "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch mark']",
    ],
)
def test_a_tag_is_no_code(said, tmp_path, code):
    line = said(TEXT.replace("lr: 0.001", f"lr: {code}"), "train")
    assert line.startswith("params.yaml is no valid YAML: could not determine a constructor for")
    assert not (tmp_path / "mark").exists()


def test_laughs_without_number(tmp_path):
    """Each list has nine times the one before: written out they would have 10^38 words."""
    (tmp_path / "params.yaml").write_text(f"{LAUGHS}recipes: {{paper: *a39}}\n")
    line, grown, seconds = watched(*READ, tmp_path / "params.yaml")
    assert line.startswith("params.yaml: recipes.paper: expected a block of parameters, found [[[")
    assert len(line) < 1000
    (tmp_path / "params.yaml").write_text(LAUGHS + TEXT.replace("lr: 0.001", "lr: *a39"))
    line, grown, seconds = watched(*READ, tmp_path / "params.yaml")
    assert line.startswith(
        "params.yaml: recipes.paper.lr: input should be a valid number; found [[[..."
    )
    assert len(line) < 1000
    assert grown < 100 * MB
    assert seconds < 60


def test_merges_of_merges(tmp_path):
    merges = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}], y{i}: 1}}\n" for i in range(1, 40)
    )
    (tmp_path / "params.yaml").write_text(f"{merges}train: *a39\n")
    line, grown, seconds = watched(*READ, tmp_path / "params.yaml")
    assert line == (
        "params.yaml is no valid YAML: a block of more than 10,000 entries, merged ones included"
    )
    assert grown < 100 * MB
    assert seconds < 60


def test_blocks_in_blocks(said):
    assert said("train: " + "[" * 5000, "train") == (
        "params.yaml: expected a few blocks in one another, found many"
    )


def test_a_gigabyte(tmp_path):
    with (tmp_path / "params.yaml").open("wb") as file:
        file.truncate(1 << 30)
    line, grown, _ = watched(*READ, tmp_path / "params.yaml")
    assert line == "params.yaml: expected at most 262,144 bytes, found 1,073,741,824"
    assert grown < 20 * MB


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("train: 2001-99-99", "is no valid YAML: month must be in 1..12"),
        ("train: !!int x", "is no valid YAML: invalid literal for int()"),
        (f"train: {'9' * 5000}", "is no valid YAML: Exceeds the limit"),
        ("train: {[a]: 1, {b: c}: 2}", "is no valid YAML"),
        ("1: 2", "params.yaml has no 'train'"),
        ("train: 1\ntrain: 2", "found duplicate key"),
        ("train: \x1b[2J", "is no valid YAML: unacceptable character #x001b"),
        ("datasets: [demo]", "datasets: expected a block of parameters, found ['demo']"),
        ("variants: {ours: {}, Ours: {}}", "more than capitals, which some systems write into"),
        ("variants: {ours: 3}", "variants.ours: expected a block of parameters, found 3"),
        (
            "variants: {1: {}}",
            "variants: expected a name of letters, digits, _ and -; found 1",
        ),
        *(
            (f"{block}: {{{name!r}: {{}}}}", f"{block}: expected a name of letters, digits")
            for block in ("datasets", "variants", "recipes")
            for name in ("", "a b", "a.b", "..", "a/b", "a\\nb", "-x", "a;b")
        ),
        ("datasets: {demo: {recipe: 1}}", "demo.recipe: expected a block of parameters, found 1"),
    ],
)
def test_odd_values_are_named(said, text, found):
    assert found in said(text, "train")


@pytest.mark.parametrize("name", ["votes", "nowhere", "os"])
def test_a_dataset_that_is_none_of_ours(said, tmp_path, name):
    (tmp_path / "params.yaml").write_text(f"datasets: {{'{name}': {{}}}}\n")
    params.everything.cache_clear()
    with pytest.raises(InputError, match=f"datasets.{name}: there is no module clfer.datasets."):
        params.dataset(name)
