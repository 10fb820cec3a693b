"""Where tools find a run's files and put what people look at; no stage reads or writes by these, so
that a change here trains nothing again.
"""

from pathlib import Path

# of a run
HISTORY, FEATURES, MODEL = "history.csv", "features.safetensors", "model.safetensors"
REPORT, TABLES, FIGURES = Path("report.html"), Path("tables"), Path("figures")


def table(dataset: str, name: str) -> Path:
    """The numbers; beside them the same name and .md, .csv."""
    return TABLES / dataset / f"{name}.json"


def figure(dataset: str, name: str) -> Path:
    """A picture for print; beside it the same as .svg, and its caption as .json."""
    return FIGURES / dataset / f"{name}.png"
