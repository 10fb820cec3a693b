"""Tool explain: what a model makes of one face, and where it looked."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from clfer.datasets.expressions import canonical
from clfer.errors import InputError
from clfer.explanation.reasons import BLOCK, Reasons, reasons
from clfer.figures import explanation
from clfer.figures.explanation import signed
from clfer.figures.sheet import short
from clfer.files import replacing
from clfer.inference.models import located, newest
from clfer.model.bundle import load
from clfer.model.card import Card
from clfer.model.network import Network
from pipeline import outputs, paths, subject
from pipeline.console import say, track
from pipeline.introduction import about, introduce
from pipeline.options import Detect, Weights
from pipeline.subject import Subject

FORMATS = (".png", ".svg", ".pdf")
LONGEST = 40  # letters of a name in the figure
DIGITS = 6  # of numbers in the JSON


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture with a face.")],
    model: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|NAME|URL", help="A .safetensors; the newest one here if left out."
        ),
    ] = None,
    face: Annotated[
        int | None,
        typer.Option(min=1, help="Which one from the left; default: the largest, most central."),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="What to explain; default: the prediction."),
    ] = None,
    detect: Detect = True,
    detector: Weights = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .png, .svg or .pdf; default: in figures/explain."),
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The numbers of the figure.")
    ] = None,
) -> None:
    """Show where a model looked on a face, and what each of its blocks had to say.

    One figure: the face in its picture and as the network sees it, the probabilities, a map of
    attention for each block with its weight in MSR, and the semantic groups of block 2.
    """
    target = to or outputs.FIGURES / "explain" / f"{image.stem}.png"
    _check(image, target, numbers, face, detect)
    picture = subject.read(image)
    file = located(model, track) if model else newest(paths.BASE)
    network, card = _loaded(file)
    chosen = None if label is None else _class(label, card.classes)
    if detect:
        meant = subject.found(image, picture, card.cut, detector, face)
    else:
        meant = subject.as_face(picture, card.cut)
    introduce(file, card, chosen=model is not None)
    found = reasons(network, meant.face, card.view, chosen)
    names = [short(name, LONGEST) for name in card.classes]
    title = f"{short(image.name, LONGEST)}: {_likely(found, names, 1)}"
    below = f"{meant.said}; model {short(file.name, LONGEST)}: {about(card)}"
    explanation.draw(meant.place, found, card.classes, title, below, target)
    if numbers is not None:
        document = _document(image, file, meant, found, card.classes)
        with replacing(numbers) as temporary:
            temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    files = ", ".join(map(str, filter(None, (target, numbers))))
    say([meant.said, *_told(found, card.classes)], f"explain {image}: {files}")


def _check(image: Path, target: Path, numbers: Path | None, face: int | None, detect: bool) -> None:
    """InputError where the options don't go together."""
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"--to: expected a name that ends on {', '.join(FORMATS)}; found {target}")
    for option, file in (("--to", target), ("--json", numbers)):
        if file is not None and file.exists() and image.exists() and file.samefile(image):
            raise InputError(f"{option}: expected another file than the picture; found {file}")
    if face is not None and not detect:
        raise InputError(
            f"--face: expected several faces to choose from; found {face} with --no-detect, by "
            "which the whole picture is one"
        )


def _loaded(file: Path) -> tuple[Network, Card]:
    if file.suffix.lower() == ".onnx":
        raise InputError(
            f"{file}: expected a model with its weights and blocks, found one as ONNX, through "
            "which no gradient goes; name the .safetensors that it was exported from"
        )
    return load(file)


def _class(name: str, classes: Sequence[str]) -> int:
    """Which class is meant, by its own name or by another one in any of the known languages."""
    meant = canonical(name)
    for place, one in enumerate(classes):
        if name == one or (name not in classes and meant and meant == canonical(one)):
            return place
    close = difflib.get_close_matches(name, classes, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise InputError(f"--class: expected one of {', '.join(classes)}; found '{name}'{hint}")


def _document(
    image: Path, file: Path, meant: Subject, found: Reasons, classes: Sequence[str]
) -> dict[str, Any]:
    """The numbers of the figure; boxes and landmarks in pixels, None where not looked for."""
    place, best = meant.place, int(found.probabilities.argmax())
    located = place.landmarks is not None
    return {
        "file": str(image),
        "model": str(file),
        "face": place.chosen + 1,
        "faces": len(place.boxes) if located else None,
        "box": _rounded(place.boxes[place.chosen], 2) if located else None,
        "detection_score": meant.score and round(meant.score, DIGITS),
        "landmarks": _rounded(place.landmarks, 2),
        "probability": dict(zip(classes, _rounded(found.probabilities), strict=True)),
        "label": classes[best],
        "confidence": _rounded(found.probabilities)[best],
        "explained": classes[found.explained],
        "logit": round(found.logit, DIGITS),
        "grids": [list(grid) for grid in found.grids],
        "mu": _rounded(found.mu),
        "adds": _rounded(found.shares),
        "patch_takes": round(found.fall, DIGITS),
        "semantic_groups": {"block": BLOCK, "channels": found.sizes},
    }


def _rounded(values: Any, digits: int = DIGITS) -> Any:
    """As lists, of so many digits; None stays."""
    return None if values is None else np.round(values.astype(np.float64), digits).tolist()


def _told(found: Reasons, classes: Sequence[str]) -> list[str]:
    lines = [_likely(found, classes, 3)]
    lines.append(f"explained: {classes[found.explained]}, logit {signed(found.logit)}")
    if found.mu is None or found.shares is None:
        lines.append("no weights of blocks: the model has no MSR")
    else:
        lines.append(
            f"mu of blocks 1 to {len(found.mu)}: {', '.join(f'{one:.2f}' for one in found.mu)}"
        )
        lines.append(f"they add to the logit: {', '.join(map(signed, found.shares.tolist()))}")
    lines.append(f"a grey patch takes {found.fall:.2f} of it at most")
    sizes = ", ".join(map(str, found.sizes))
    return [*lines, f"semantic groups of block {BLOCK}, from the top: {sizes} channels"]


def _likely(found: Reasons, classes: Sequence[str], count: int) -> str:
    """The most probable classes."""
    order = np.argsort(-found.probabilities, kind="stable")[:count]
    return ", ".join(f"{classes[k]} {100 * found.probabilities[k]:.1f} %" for k in order)
