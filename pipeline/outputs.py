"""Where tools find a run's files and put what people look at; no stage reads or writes by these, so
that a change here trains nothing again.
"""

from pathlib import Path

# of a run
HISTORY, FEATURES, MODEL = "history.csv", "features.safetensors", "model.safetensors"
REPORT, TABLES, FIGURES = Path("report.html"), Path("tables"), Path("figures")
RUNS, EXPORTS = Path("runs"), Path("exports")


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
