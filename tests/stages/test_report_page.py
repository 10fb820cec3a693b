"""`clfer report` through the command line: one page from the files that are there."""

import json
import subprocess
import tomllib

import numpy as np
import pytest
from closure import ROOT
from markup import read
from materials import audit, card, figure, paper_table, picture, summary, with_classes
from safetensors.numpy import save_file
from test_commands import checkout as checkout
from test_commands import clfer, edit, refused

CELLS = [(name, seed) for name in ("baseline", "ours") for seed in range(3)]


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def place(folder):
    """What a small study on the demo leaves behind, of nine epochs."""
    edit(folder, "      epochs: 12", "      epochs: 9")
    write(folder / "metrics/summary.json", with_classes(summary("demo", evidence=False)))
    write(folder / "data/splits/demo.json", audit())
    for name in ("accuracy", "history-demo", "reliability-demo"):
        write(folder / f"plots/{name}.png", picture().content)
    for variant, seed in CELLS:
        path = folder / f"runs/demo/{variant}/{seed}/model.safetensors"
        path.parent.mkdir(parents=True)
        metadata = {"clfer": json.dumps(card(variant, seed))}
        save_file({"w": np.zeros(2, np.float32)}, path, metadata=metadata)
    write(folder / "tables/demo/table4.json", {**paper_table(), "dataset": "demo"})
    write(folder / "figures/demo/figure9.json", {**figure().about, "dataset": "demo"})
    write(folder / "figures/demo/figure9.png", picture().content)


def made(folder, *arguments, name="report.html"):
    """The page, and what the command said."""
    done = clfer(folder, "report", *arguments)
    assert done.returncode == 0, done.stderr
    return read((folder / name).read_text()), done.stdout


def test_one_page_from_all_files_and_the_same_again(checkout):
    assert "`dvc repro` all at once" in refused(checkout, "report")
    place(checkout)
    root, said = made(checkout)
    assert "report: report.html" in said
    assert "1 dataset, 6 models, 3 plots, 1 table, 1 figure" in said
    assert not root.classed("missing")
    assert len(list(root.every("img"))) == 4
    assert "All 6 models record the same settings" in root.section("trust").text
    assert "resnet10_quarter" in root.section("answer").text
    assert "epochs was" not in root.text
    assert root.section("again").every("pre")

    made(checkout, "--out", "pages/other.html", name="pages/other.html")
    assert (checkout / "pages/other.html").read_bytes() == (checkout / "report.html").read_bytes()
    assert [path for path in checkout.rglob(".*") if path.is_file()] == []


def test_from_the_summary_alone_and_a_small_or_large_vector_figure(checkout):
    write(checkout / "metrics/summary.json", summary("demo"))
    root, said = made(checkout)
    assert "0 models, 0 plots, 0 tables, 0 figures" in said
    missing = {one.attributes["id"] for one in root.every("section") if one.classed("missing")}
    assert missing >= {"runs", "data", "curves", "tables", "figures"}
    folder = checkout / "figures/demo"
    for name, size in (("small", 100), ("large", 400_000)):
        write(folder / f"{name}.json", figure().about)
        write(folder / f"{name}.png", picture().content)
        write(folder / f"{name}.svg", b"<svg>" + b" " * size)
    root, _ = made(checkout)
    kinds = [one.attributes["src"].split(";")[0] for one in root.every("img")]
    assert kinds == ["data:image/png", "data:image/svg+xml"]  # large, small


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("metrics/summary.json", b'{"alpha": 0.05, "base', "summary.json: expected JSON"),
        ("metrics/summary.json", b"\xff\xfe", "summary.json: expected JSON"),
        ("metrics/summary.json", b"[]", "expected an object, found list"),
        ("plots/accuracy.png", b"cut", "accuracy.png: expected a picture in PNG, found 3 bytes"),
        ("runs/demo/ours/1/model.safetensors", b"no", "`clfer train demo ours 1` writes it"),
        ("data/splits/demo.json", b"{", "demo.json: expected JSON"),
        ("tables/demo/table4.json", b"{}", "table4.json: expected 'title', found no such key"),
    ],
)
def test_a_file_that_is_none_is_one_line_and_no_page(checkout, path, content, words):
    place(checkout)
    write(checkout / path, content)
    assert words in refused(checkout, "report")
    assert not (checkout / "report.html").exists()


def git(folder, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commands(folder):
    root, _ = made(folder)
    again = root.section("again")
    (block,) = again.every("pre")
    return block.text.split(), again.classed("warning")


def test_how_to_run_it_again_from_the_commit(checkout):
    place(checkout)
    words, warned = commands(checkout)
    assert words[:2] == ["make", "repro"]  # no Git, the default grid
    git(checkout, "init", "-q")
    git(checkout, "add", "clfer", "pipeline", "params.yaml")
    git(checkout, "commit", "-qm", "one")
    commit = git(checkout, "rev-parse", "--short", "HEAD")
    words, warned = commands(checkout)
    assert words[:5] == ["git", "checkout", commit, "make", "repro"]
    assert not warned

    edit(checkout, "  labelled_fraction:\n", "  labelled_fraction: 0.5\n")
    (checkout / "clfer/new.py").write_text("")
    found = summary("demo", seeds=2)
    write(checkout / "metrics/summary.json", found)
    words, (box,) = commands(checkout)
    place_of = words.index("run")
    options = [word for word in words[place_of:] if word not in ("\\", "-S")]
    assert options[1:-2] == ["'run.seeds=[0,1]'", "train.labelled_fraction=0.5"]
    assert "clfer/new.py" in box.text


def test_the_templates_are_installed_with_the_package():
    """Every folder with code is a package, and its other files are named in pyproject.toml."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = [
        path.parent for top in ("clfer", "pipeline") for path in ROOT.glob(f"{top}/**/__init__.py")
    ]
    packages = sorted(".".join(folder.relative_to(ROOT).parts) for folder in folders)
    code = {path.parent for top in ("clfer", "pipeline") for path in ROOT.glob(f"{top}/**/*.py")}
    assert code == set(folders)
    for package in packages:
        folder = ROOT / package.replace(".", "/")
        given = {f for glob in settings["package-data"].get(package, []) for f in folder.glob(glob)}
        inner = [f for f in folder.rglob("*") if f.is_file() and f.suffix not in (".py", ".pyc")]
        nested = [folder / one.removeprefix(f"{package}.") for one in packages if one != package]
        assert {f for f in inner if not any(one in f.parents for one in nested)} <= given
