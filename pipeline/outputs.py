"""Where tools put what people look at; no stage reads or writes these."""

from pathlib import Path


def table(dataset: str, name: str) -> Path:
    """The numbers; beside them the same name and .md, .csv."""
    return Path("tables") / dataset / f"{name}.json"
