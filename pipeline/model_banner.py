"""The line on standard error that names the model of a command."""

from pathlib import Path

from clfer.model.bundle import Card
from clfer.report.numbers import OPTIMISTIC
from pipeline.console import err, plain

DEMO, DRAWN = "demo", "drawn faces: it knows no people"
WARNING = (
    "warning: this model was trained on drawn faces to try the pipeline; what it says of people "
    "means nothing"
)


def print_banner(file: Path, card: Card, chosen: bool) -> None:
    """The model and what it was trained on, with a warning of the demo's.

    chosen: by the user; else it is the newest one
    """
    newest = "" if chosen else ", the newest here"
    err.print(plain(f"model: {file}{newest}: {model_line(card)}"), highlight=False, soft_wrap=True)
    if card.provenance.get("dataset") == DEMO:
        err.print(WARNING, style="bold yellow", highlight=False, soft_wrap=True)


def model_line(card: Card) -> str:
    """Variant, dataset, seed and epoch of a model, and what to beware of."""
    known = card.provenance
    line = f"{known.get('variant', 'a network')} on {known.get('dataset', 'unknown data')}"
    line += "".join(f", {key} {known[key]}" for key in ("seed", "epoch") if key in known)
    marks = [DRAWN] if known.get("dataset") == DEMO else []
    marks += [OPTIMISTIC] if known.get("selected_on") == "test" else []
    return f"{line} ({'; '.join(marks)})" if marks else line
