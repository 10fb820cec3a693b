"""The model of a command: which one is taken, and the line on standard error that names it."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from clfer.errors import InputError
from clfer.inference.models import SHIPPED
from clfer.report.numbers import OPTIMISTIC
from pipeline import paths
from pipeline.console import err, plain, track

if TYPE_CHECKING:
    from clfer.inference.predictor import Predictor
    from clfer.model.bundle import Card

DEMO, DRAWN = "demo", "drawn faces: it knows no people"
LIMITS = (
    "it names how a face looks, not what somebody feels; its weights were learned from FER2013's "
    "images, for research; decide about no one by it"
)
WARNING = (
    "warning: this model was trained on drawn faces to try the pipeline; what it says of people "
    "means nothing"
)
SHOWN = 5  # models that an error lists


def default_model() -> Path:
    """The model of this checkout that was trained on real faces; the package's where none was.

    Of several it is that of the last dataset and variant in params.yaml's `run` that are trained,
    with the first seed. InputError where none of them is listed there.
    """
    runs = paths.BASE / paths.RUNS
    files = runs.glob(f"*/*/*/{paths.MODEL}")
    trained = sorted(one for one in files if one.relative_to(runs).parts[0] != DEMO)
    if not trained:
        return SHIPPED["ferplus"]
    if len(trained) == 1:
        return trained[0]
    from pipeline.params import PARAMS, Run, settings  # YAML, which only this needs

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
    models: list[str] | None, detector: str | None, device: str | None, detect: bool = True
) -> "Predictor":
    """A predictor of these models, by default of `default_model`; they are named."""
    chosen = models or [str(default_model())]
    from clfer.inference.predictor import Predictor  # OpenCV

    opened = Predictor(*chosen, detect=detect, detector=detector, device=device, track=track)
    for file, engine in zip(opened.files, opened.engines, strict=True):
        where = f"; device {engine.device}"
        if opened.detector and opened.detector.device != engine.device:
            where += f", detector on {opened.detector.device}"
        print_banner(file, engine.card, chosen=models is not None, where=where)
    return opened


def print_banner(file: Path, card: "Card", chosen: bool, where: str = "") -> None:
    """The model, what it was trained on and where it runs, with a warning of the demo's. chosen: by
    the user.
    """
    other = "" if chosen else " (another by --model)"
    names = {path: name for name, path in SHIPPED.items()}
    line = f"model: {names.get(file, file)}{other}: {model_line(card)}{where}"
    line += f"; {LIMITS}" if file in names else ""
    err.print(plain(line), highlight=False, soft_wrap=True)
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
