"""Where tools put what people look at; no stage reads or writes these."""

from pathlib import Path


def table(dataset: str, name: str) -> Path:
    """The numbers; beside them the same name and .md, .csv."""
    return Path("tables") / dataset / f"{name}.json"


def figure(dataset: str, name: str) -> Path:
    """A picture for print; beside it the same as .svg, and its caption as .json."""
    return Path("figures") / dataset / f"{name}.png"
