"""dvc.yaml: each stage depends on exactly the code that it runs."""

from pathlib import Path

import pytest
from closure import ROOT, closure
from ruamel.yaml import YAML

STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")

# They change what people see, or name the version, and never what a stage writes.
PRESENTATION = {"pipeline/console.py", "clfer/progress.py", "clfer/errors.py", "clfer/__init__.py"}


def declared(stage, dataset):
    """The code files among a stage's dependencies, folders expanded."""
    entry = STAGES[stage].get("do", STAGES[stage])
    deps = [
        d.replace("${item.dataset}", dataset).replace("${item}", dataset) for d in entry["deps"]
    ]
    files = set()
    for dep in (d for d in deps if d.startswith(("clfer/", "pipeline/"))):
        path = ROOT / dep
        assert path.exists(), f"{stage}: {dep} does not exist"
        found = path.rglob("*.py") if path.is_dir() else [path]
        files |= {f.relative_to(ROOT).as_posix() for f in found if f.read_text().strip()}
    return files


def used(stage, dataset):
    """The code files that a stage imports; those of the dataset where it asks for its module."""
    module = Path(f"pipeline/{stage}.py")
    files = closure(module)
    if "module = dataset(name)" in (ROOT / module).read_text():
        files |= closure(Path(f"clfer/datasets/{dataset}/dataset.py"))
    return {f.as_posix() for f in files} - PRESENTATION


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_exactly_the_code_that_it_runs(stage):
    """For one dataset or another: DVC knows one list for all of them."""
    datasets = PARAMS["datasets"]
    for dataset in datasets:
        assert used(stage, dataset) <= declared(stage, dataset)
    needed = set.union(*(used(stage, dataset) for dataset in datasets))
    assert needed == set.union(*(declared(stage, dataset) for dataset in datasets))


def test_the_stages_are_the_commands():
    from pipeline.app import STAGES as COMMANDS

    assert list(STAGES) == list(COMMANDS)
    for stage in STAGES:
        entry = STAGES[stage].get("do", STAGES[stage])
        assert entry["cmd"].startswith(f"python -m pipeline {stage}")


def test_only_significance_leaves_the_cache():
    for stage, entry in STAGES.items():
        outs = entry.get("do", entry)["outs"]
        uncached = [out for out in outs if isinstance(out, dict)]
        assert bool(uncached) == (stage == "significance")


def test_training_knows_nothing_of_data_frames_pipelines_or_detectors():
    """It runs where polars, dvc and insightface are not installed."""
    import ast

    for folder in ("clfer/model", "clfer/training"):
        for file in (ROOT / folder).glob("*.py"):
            for path in closure(file.relative_to(ROOT)):
                for node in ast.walk(ast.parse((ROOT / path).read_text())):
                    names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                    names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                    roots = {name.split(".")[0] for name in names}
                    assert not roots & {"polars", "dvc", "insightface", "typer", "rich", "cv2"}, (
                        path
                    )
