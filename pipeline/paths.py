"""Where the files of stages stand, as in dvc.yaml, and those of tools."""

import os
from pathlib import Path

from clfer.errors import InputError

# the checkout, also when DVC runs a stage in a temporary copy, which has no files that Git ignores
BASE = Path(os.environ.get("DVC_ROOT", "."))

METRICS = Path("metrics/accuracy.json")
SUMMARY = Path("metrics/summary.json")
TABLE = Path("metrics/summary.md")
PLOTS = Path("plots")
# of a run
HISTORY, FEATURES, MODEL = "history.csv", "features.safetensors", "model.safetensors"
# of tools; no stage reads or writes them
REPORT, TABLES, FIGURES = Path("report.html"), Path("tables"), Path("figures")
RUNS, EXPORTS = Path("runs"), Path("exports")


def existing(path: Path, stage: str) -> Path:
    """The path; InputError where nothing is there, naming the command that writes it."""
    if not path.exists():
        chain = ", and `dvc repro` all at once" if in_chain(stage) else ""
        raise InputError(f"{path} is missing; `clfer {stage}` writes it{chain}")
    return path


def in_chain(command: str) -> bool:
    """Whether `dvc repro` runs it too; experiments are run by their own command alone."""
    return not command.startswith("experiment ")


def raw(dataset: str) -> Path:
    return Path("data/raw") / dataset


def labels(dataset: str) -> Path:
    return Path("data/labels") / f"{dataset}.parquet"


def faces(dataset: str) -> Path:
    """The array; the table beside it has the same name and .parquet."""
    return Path("data/faces") / f"{dataset}.npy"


def face_shards(dataset: str) -> Path:
    """The folder of arrays and tables that `clfer align --shard` leaves."""
    return Path("data/faces") / f"{dataset}-shards"


def split(dataset: str) -> Path:
    """The table; the audit beside it has the same name and .json."""
    return Path("data/splits") / f"{dataset}.parquet"


def audit(dataset: str) -> Path:
    """The numbers; the pictures beside them are DATASET.png and DATASET-pairs.png."""
    return Path("data/audit") / f"{dataset}.json"


def runs(dataset: str) -> Path:
    return RUNS / dataset


def run(dataset: str, variant: str, seed: int) -> Path:
    return runs(dataset) / variant / str(seed)


def results(dataset: str, variant: str, seed: int) -> Path:
    return Path("results") / dataset / variant / str(seed)


def transfer(on: str, dataset: str, variant: str, seed: int) -> Path:
    """Scores on another dataset than the model's own; no stage reads them."""
    return Path("transfer") / on / dataset / variant / str(seed)


def scratch(fingerprint: str) -> Path:
    """State of an interrupted run: outside DVC's outputs, which it deletes before a stage starts,
    and in the original checkout also when DVC runs the stage in a temporary copy.
    """
    return BASE / ".scratch" / fingerprint


def table(dataset: str, name: str) -> Path:
    """The numbers; beside them the same name and .md, .csv."""
    return TABLES / dataset / f"{name}.json"


def figure(dataset: str, name: str) -> Path:
    """A picture for print; beside it the same as .svg, and its caption as .json."""
    return FIGURES / dataset / f"{name}.png"


def exported(model: Path) -> Path:
    """A model as ONNX: beside it, but for one in runs/, which DVC would find changed and train
    again: that one goes to exports/D/V/S.onnx.
    """
    runs, place = RUNS.resolve(), model.resolve()
    if not place.is_relative_to(runs):
        return model.with_suffix(".onnx")
    cell = place.relative_to(runs).parent
    return EXPORTS / cell.parent / f"{cell.name}.onnx"
