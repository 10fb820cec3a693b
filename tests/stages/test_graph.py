"""dvc.yaml: what a stage computes is among its dependencies."""

import ast
import re
from pathlib import Path

import pytest
from closure import ROOT, closure
from ruamel.yaml import YAML

from pipeline import app

ARGUMENTS = ["dataset", "variant", "seed"]
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
DATASETS = YAML(typ="safe").load(ROOT / "params.yaml")["datasets"]

# What changes no number: how files are read and written, what people see, where and how fast a
# stage runs. A better error message must not train everything again.
PLUMBING = {
    *("__init__", "archives", "arrays", "distributed", "download", "ending", "errors", "files"),
    *("kaggle", "onnx_session", "pictures", "progress", "scratch", "settings", "team"),
}
# Pictures and pages beside the numbers; the paper's numbers stand in one that `evaluate` writes.
SHOWN = ("clfer/figures/", "clfer/report/")


def plumbing(file, stage):
    path = Path(file)
    if path.parent == Path("pipeline"):
        return path.stem != stage
    if stage == "evaluate" and file.startswith("clfer/paper/"):
        return True
    return file.startswith(SHOWN) or (path.parent == Path("clfer") and path.stem in PLUMBING)


@pytest.mark.parametrize("stage", STAGES)
def test_the_code_that_a_stage_runs_is_among_its_dependencies(stage):
    declared = STAGES[stage]["deps"]
    assert all((ROOT / one).exists() for one in declared if one.startswith(("clfer", "pipeline")))
    ran = closure(Path(f"pipeline/{stage}.py"))
    if "dataset(name)" in (ROOT / f"pipeline/{stage}.py").read_text():
        for name in DATASETS:
            places = (Path(f"clfer/datasets/{name}.py"), Path(f"clfer/datasets/{name}/dataset.py"))
            ran |= closure(next(place for place in places if (ROOT / place).exists()))
    missing = {
        file
        for file in (one.as_posix() for one in ran)
        if not plumbing(file, stage)
        if not any(file == one or file.startswith(f"{one}/") for one in declared)
    }
    assert not missing


def test_the_stages_are_the_commands_and_only_significance_leaves_the_cache():
    assert list(STAGES) == list(app.STAGES)
    for stage, entry in STAGES.items():
        assert entry["cmd"].startswith(f"python -m pipeline {stage}")
        # DVC quotes what is in a block, and nothing else: a name could be a command
        interpolated = re.findall(r"\$\{.*?\}", entry["cmd"])
        assert interpolated == ["${item}"] * ("matrix" in entry)
        assert [*entry.get("matrix", {})] == ARGUMENTS[: len(entry.get("matrix", {}))]
        uncached = [out for out in entry["outs"] if isinstance(out, dict)]
        assert bool(uncached) == (stage == "significance")


def test_training_knows_nothing_of_data_frames_pipelines_or_detectors():
    """It runs where polars, dvc and insightface are not installed."""
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
