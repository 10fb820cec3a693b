"""The model of a command: which one is taken, and the line on standard error that names it."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from clfer.errors import InputError
from clfer.report.numbers import OPTIMISTIC
from pipeline import paths
from pipeline.console import err, plain, track
from pipeline.params import PARAMS, Run, settings

if TYPE_CHECKING:
    from clfer.inference.predictor import Predictor
    from clfer.model.bundle import Card

DEMO, DRAWN = "demo", "drawn faces: it knows no people"
WARNING = (
    "warning: this model was trained on drawn faces to try the pipeline; what it says of people "
    "means nothing"
)
SHOWN = 5  # models that an error lists


def default_model() -> Path:
    """The only model in runs/; of several, the last dataset and variant in params.yaml's `run` that
    are trained, with the first seed. InputError where there is none of these.
    """
    runs = paths.BASE / paths.RUNS
    trained = sorted(runs.glob(f"*/*/*/{paths.MODEL}"))
    if len(trained) == 1:
        return trained[0]
    if not trained:
        raise InputError(
            f"{runs}: expected a trained model, found none; `dvc repro` trains the demo's, "
            "`clfer train` one; or name one by --model"
        )
    if PARAMS.is_file():
        run = settings(Run, "run")
        for cell in product(reversed(run.datasets), reversed(run.variants), run.seeds):
            if (path := runs.joinpath(*map(str, cell), paths.MODEL)) in trained:
                return path
    listed = ", ".join(map(str, trained[:SHOWN])) + (", ..." if len(trained) > SHOWN else "")
    raise InputError(
        f"{runs}: expected one model, or one of a dataset, variant and seed of `run` in {PARAMS}; "
        f"found {len(trained):,}: {listed}; name one by --model"
    )


def predictor(
    models: list[str] | None, detector: Path | None, device: str | None, detect: bool = True
) -> "Predictor":
    """A predictor of these models, by default of the checkout's; they are named."""
    chosen = models or [str(default_model())]
    from clfer.inference.predictor import Predictor  # OpenCV

    opened = Predictor(*chosen, detect=detect, detector=detector, device=device, track=track)
    for file, engine in zip(opened.files, opened.engines, strict=True):
        print_banner(file, engine.card, chosen=models is not None)
    return opened


def print_banner(file: Path, card: "Card", chosen: bool) -> None:
    """The model and what it was trained on, with a warning of the demo's. chosen: by the user."""
    other = "" if chosen else " (another by --model)"
    err.print(plain(f"model: {file}{other}: {model_line(card)}"), highlight=False, soft_wrap=True)
    if card.provenance.get("dataset") == DEMO:
        err.print(WARNING, style="bold yellow", highlight=False, soft_wrap=True)


def model_line(card: "Card") -> str:
    """Variant, dataset, seed and epoch of a model, and what to beware of."""
    known = card.provenance
    line = f"{known.get('variant', 'a network')} on {known.get('dataset', 'unknown data')}"
    line += "".join(f", {key} {known[key]}" for key in ("seed", "epoch") if key in known)
    marks = [DRAWN] if known.get("dataset") == DEMO else []
    marks += [OPTIMISTIC] if known.get("selected_on") == "test" else []
    return f"{line} ({'; '.join(marks)})" if marks else line
