"""Where each stage's files stand; the same paths as in dvc.yaml."""

import os
from pathlib import Path

from clfer.errors import InputError

# the checkout, also when DVC runs a stage in a temporary copy, which has no files that Git ignores
BASE = Path(os.environ.get("DVC_ROOT", "."))

METRICS = Path("metrics/accuracy.json")
SUMMARY = Path("metrics/summary.json")
TABLE = Path("metrics/summary.md")
PLOTS = Path("plots")


def existing(path: Path, stage: str) -> Path:
    """The path; InputError where nothing is there, naming the command that writes it."""
    if not path.exists():
        raise InputError(
            f"{path} is missing; `clfer {stage}` writes it, and `dvc repro` all at once"
        )
    return path


def raw(dataset: str) -> Path:
    return Path("data/raw") / dataset


def labels(dataset: str) -> Path:
    return Path("data/labels") / f"{dataset}.parquet"


def faces(dataset: str) -> Path:
    """The array; the table beside it has the same name and .parquet."""
    return Path("data/faces") / f"{dataset}.npy"


def split(dataset: str) -> Path:
    """The table; the audit beside it has the same name and .json."""
    return Path("data/splits") / f"{dataset}.parquet"


def audit(dataset: str) -> Path:
    """The numbers; the pictures beside them are DATASET.png and DATASET-pairs.png."""
    return Path("data/audit") / f"{dataset}.json"


def runs(dataset: str) -> Path:
    return Path("runs") / dataset


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
