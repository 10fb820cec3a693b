"""`clfer report` in a trained checkout: one page, of files that belong together alone."""

import hashlib
import json
import shutil
import subprocess
import tomllib

import pytest
from checkouts import change, done, refused
from closure import ROOT
from markup import read
from materials import audit, picture

from pipeline import report

MODEL = "runs/demo/ours/0/model.safetensors"


def made(folder):
    """The page, and what the command printed."""
    out = done(folder, "report")
    return read((folder / "report.html").read_text()), out


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def committed(folder, *files):
    git(folder, "init", "-q")
    git(folder, "add", *files)
    git(folder, "commit", "-qm", "one")


def warnings(root, section="trust"):
    return [one.text for one in root.section(section).classed("warning")]


def missing(root):
    return {one.attributes["id"] for one in root.every("section") if one.classed("missing")}


@pytest.fixture(scope="module")
def trained(trained_checkout, tmp_path_factory):
    """Two models, their scores and summary, and a figure of them."""
    folder = shutil.copytree(trained_checkout, tmp_path_factory.mktemp("report") / "checkout")
    about = json.dumps(audit()).replace("anger", "surprise")
    write(folder / "data/splits/demo.json", about.encode())
    done(folder, "figure", "loss", "--dataset", "demo")
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "checkout")


def test_files_of_the_same_runs_make_a_page_without_a_mark_and_the_same_again(folder):
    root, out = made(folder)
    assert "1 dataset, 2 models, 3 plots, 0 tables, 1 figure" in out
    assert "10 of 10 are here and unchanged" in next(root.every("header")).text
    assert [text[:12] for text in warnings(root)] == ["Not evidence"]
    assert "All 2 models record the same settings" in root.section("trust").text
    assert not warnings(root, "figures")
    before = (folder / "report.html").read_bytes()
    made(folder)
    assert (folder / "report.html").read_bytes() == before


def test_a_model_trained_anew_with_other_settings_is_not_mixed_in(folder):
    change(folder, recipe={"epochs": 3})
    done(folder, "train", "demo", "ours", 0)
    root, out = made(folder)
    assert "1 dataset, 1 model, 3 plots" in out
    assert f"{MODEL} is not the file that these numbers were computed from" in warnings(root)[1]
    assert "datasets.demo.recipe.epochs was 2 and is 3" in warnings(root)[2]
    assert "models record" not in root.section("trust").text
    rows = [row.text for row in root.section("runs").every("tr")]
    assert [row.split()[1:3] for row in rows if row.startswith("ours")] == [["–", "0"]]
    assert not warnings(root, "figures")  # drawn from the models of the summary
    done(folder, "figure", "loss", "--dataset", "demo")
    (mark,) = warnings(made(folder)[0], "figures")
    assert f"Not from the runs above: another {MODEL}" in mark
    line = refused(folder, "significance")
    assert "found those of another; run `clfer evaluate demo ours 0`" in line

    done(folder, "evaluate", "demo", "ours", 0)
    assert "results/demo/ours/0/predictions.parquet" in warnings(made(folder)[0])[0]
    done(folder, "significance")
    text = made(folder)[0].section("trust").text
    assert "ours has epochs 3" in text
    assert "the same settings" not in text


@pytest.mark.parametrize("part", ["data/splits/demo.parquet", "plots/history-demo.png"])
def test_another_split_or_plot_is_left_out(part, folder):
    write(folder / part, b"another")
    root, _ = made(folder)
    assert part in warnings(root)[0]
    assert ("data" in missing(root)) == part.startswith("data")


def test_tables_say_of_which_runs_they_are(folder):
    split = "data/splits/demo.parquet"
    sources = json.loads((folder / "metrics/summary.json").read_text())["sources"]
    table = {"title": "T", "dataset": "demo", "evidence": False, "columns": ["a"], "rows": [["1"]]}
    table |= {"notes": [], "differs": [], "command": "c", "sources": {split: sources[split]}}
    for more, words in (
        ({"recipe": {"epochs": 2}}, []),
        ({"recipe": {"epochs": 40}}, ["epochs is 40 here and 2 there"]),
        ({"recipe": {}, "sources": {split: "x"}}, [f"another {split}"]),
        ({"sources": None}, ["what it was made from is not recorded"]),
    ):
        write(folder / "tables/demo/table4.json", {**table, **more})
        marks = [text.replace(" .", ".") for text in warnings(made(folder)[0], "tables")]
        assert marks == [f"Not from the runs above: {w}." for w in words]
    write(folder / "tables/demo/table4.json", {"comparisons": []})  # a page of its own
    write(folder / "tables/demo/transduction.json", {"draws": 20})  # likewise
    assert "0 tables" in made(folder)[1]


def test_how_to_run_it_again_names_every_setting(folder):
    def again():
        section = made(folder)[0].section("again")
        (block,) = section.every("pre")
        return section.text, {one for one in block.text.split() if "=" in one}

    assert "make repro" in again()[0]  # no Git, as params.yaml says
    committed(folder, "clfer", "pipeline", "params.yaml")
    assert again()[1] == set()
    change(folder, recipe={"epochs": 3})
    text, options = again()
    assert options == set()  # the models say how they were trained
    assert "not recorded" in text
    split = folder / "data/splits/demo.parquet"
    out = {"path": "data/splits/demo.parquet", "md5": hashlib.md5(split.read_bytes()).hexdigest()}
    params = {"params.yaml": {"datasets.demo.source": {"train": 200}, "split": {"seed": 7}}}
    write(folder / "dvc.lock", {"stages": {"split@demo": {"outs": [out], "params": params}}})
    (folder / "clfer/new.py").write_text("")
    text, options = again()
    assert {"datasets.demo.source.train=200", "split.seed=7"} <= options
    assert "not recorded" not in text
    assert "Some files are not as in that commit" in text
    assert "clfer/new.py" in text


def test_the_summary_alone_is_enough_and_a_large_vector_figure_gives_way_to_its_png(folder):
    for part in ("runs", "results", "data", "plots", "figures"):
        shutil.rmtree(folder / part)
    root, out = made(folder)
    assert "0 models, 0 plots, 0 tables, 0 figures" in out
    assert missing(root) >= {"runs", "data", "curves", "tables", "figures"}
    about = {"title": "T", "caption": "C", "dataset": "demo", "evidence": False, "sources": {}}
    for name, size in (("small", 100), ("large", 400_000)):
        write(folder / f"figures/demo/{name}.json", about)
        write(folder / f"figures/demo/{name}.png", picture().content)
        write(folder / f"figures/demo/{name}.svg", b"<svg>" + b" " * size)
    kinds = [one.attributes["src"].split(";")[0] for one in made(folder)[0].every("img")]
    assert kinds == ["data:image/png", "data:image/svg+xml"]  # large, small


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("metrics/summary.json", b"\xff\xfe", "summary.json: expected JSON"),
        ("metrics/summary.json", b"{}", "summary.json: expected 'alpha', found no such key"),
        ("data/splits/demo.json", b"{", "demo.json: expected JSON"),
        ("tables/demo/table4.json", b"{}", "table4.json: expected 'title', found no such key"),
    ],
)
def test_a_file_that_is_none_is_one_line_and_no_page(folder, path, content, words):
    write(folder / path, content)
    assert words in refused(folder, "report")
    assert not (folder / "report.html").exists()


def test_every_folder_of_code_is_a_package_and_its_other_files_are_named_in_pyproject():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    files = [path for top in ("clfer", "pipeline") for path in ROOT.glob(f"{top}/**/*.*")]
    for file in (path for path in files if path.is_file() and path.suffix != ".pyc"):
        package = next(one for one in file.parents if (one / "__init__.py").is_file())
        if file.suffix == ".py":
            assert package == file.parent
        else:
            globs = settings["package-data"][".".join(package.relative_to(ROOT).parts)]
            assert any(file in package.glob(one) for one in globs)


def test_the_repository_that_a_checkout_lies_in_is_not_its_own(tmp_path, monkeypatch):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "params.yaml").write_text("train: {note: \u2013}\n", encoding="utf-8")
    monkeypatch.chdir(inner)
    committed(tmp_path, ".")
    assert (report.commit(), report.changed_code(), report.committed()) == (None, [], None)
    committed(inner, ".")
    assert report.commit()
    assert report.committed() == {"train": {"note": "\u2013"}}


def test_git_brings_the_same_bytes_wherever_it_changes_the_ends_of_lines(tmp_path):
    (tmp_path / "here").mkdir()
    for name in (".gitattributes", "params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / "here")
    committed(tmp_path / "here", ".")
    git(tmp_path, "-c", "core.autocrlf=true", "clone", "-q", "here", "there")
    for name in ("params.yaml", "dvc.yaml"):
        assert (tmp_path / "there" / name).read_bytes() == (ROOT / name).read_bytes()
