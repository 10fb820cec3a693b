"""Tool explain: what a model makes of one face, and where it looked."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer
from clfer.figures.explanation import FacePlace
from jaxtyping import UInt8

from clfer.datasets.expressions import canonical
from clfer.errors import InputError
from clfer.explanation.reasons import BLOCK, Reasons, reasons
from clfer.faces.detection import principal
from clfer.faces.preprocessing import Cut
from clfer.figures.explanation import draw, signed
from clfer.figures.style import short
from clfer.files import replacing
from clfer.inference.frames import Picture, read
from clfer.inference.models import located, newest
from clfer.inference.predictor import central_square, cut_out, left_to_right, open_detector
from clfer.model.bundle import load
from clfer.model.card import Card
from clfer.model.network import Network
from clfer.pictures import UnreadableError
from pipeline import outputs, paths
from pipeline.console import plain, say, track
from pipeline.model_banner import model_line, print_banner
from pipeline.options import Detect, Weights

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
    try:
        picture = read(image)
    except UnreadableError as error:
        raise InputError(f"{image}: expected a picture that can be read, found: {error}") from error
    file = located(model, track) if model else newest(paths.BASE)
    network, card = _loaded(file)
    explained = None if label is None else _class(label, card.classes)
    if detect:
        chosen = find_face(image, picture, card.cut, detector, face)
    else:
        place = FacePlace(picture, np.zeros((0, 4)), 0, None)
        words = "the picture as a face"
        chosen = ChosenFace(central_square(picture, card.cut), place, None, words)
    print_banner(file, card, chosen=model is not None)
    why = reasons(network, chosen.crop, card.view, explained)
    names = [short(name, LONGEST) for name in card.classes]
    title = f"{short(plain(image.name), LONGEST)}: {_most_likely(why, names, 1)}"
    about = f"{chosen.words}; model {short(plain(file.name), LONGEST)}: {model_line(card)}"
    draw(chosen.place, why, card.classes, title, about, target)
    if numbers is not None:
        document = _document(image, file, chosen, why, card.classes)
        with replacing(numbers) as temporary:
            temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    files = ", ".join(map(str, filter(None, (target, numbers))))
    say([chosen.words, *_summary(why, card.classes)], f"explain {image}: {files}")


class ChosenFace(NamedTuple):
    """The face to explain.

    crop:  as cut for the network
    score: of its detection, None without one
    words: which face it is
    """

    crop: UInt8[np.ndarray, "S S C"]
    place: FacePlace
    score: float | None
    words: str


def find_face(
    image: Path, picture: Picture, cut: Cut, detector: Path | None, number: int | None
) -> ChosenFace:
    """The face of that number, from the left, or without one the largest and most central.

    detector: as for `clfer.Predictor`. InputError where there is no face, or none of that number.
    """
    faces = left_to_right(open_detector(detector, cut, track)(picture))
    count = len(faces.score)
    if not count:
        raise InputError(
            f"{image}: expected a face, found none; is the picture itself a face, cut out as those "
            "that the model was trained on? Then add --no-detect"
        )
    if number is not None and number > count:
        raise InputError(f"--face: expected 1 to {count}, from the left; found {number}")
    middle = np.array(picture.shape[1::-1]) / 2
    best = principal(faces, middle) if number is None else number - 1
    words = f"face {best + 1} of {count}"
    if number is None and count > 1:
        words += ", the largest and most central (another by --face)"
    points = faces.landmarks[best]
    place = FacePlace(picture, faces.box, best, points)
    return ChosenFace(cut_out(picture, points, cut), place, float(faces.score[best]), words)


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
    image: Path, file: Path, chosen: ChosenFace, why: Reasons, classes: Sequence[str]
) -> dict[str, Any]:
    """The numbers of the figure; boxes and landmarks in pixels, None without detection."""
    place, best = chosen.place, int(why.probabilities.argmax())
    detected = place.landmarks is not None
    return {
        "file": str(image),
        "model": str(file),
        "face": place.chosen + 1,
        "faces": len(place.boxes) if detected else None,
        "box": _rounded(place.boxes[place.chosen], 2) if detected else None,
        "detection_score": chosen.score and round(chosen.score, DIGITS),
        "landmarks": _rounded(place.landmarks, 2),
        "probability": dict(zip(classes, _rounded(why.probabilities), strict=True)),
        "label": classes[best],
        "confidence": _rounded(why.probabilities)[best],
        "explained": classes[why.explained],
        "logit": round(why.logit, DIGITS),
        "grids": [list(grid) for grid in why.grids],
        "mu": _rounded(why.mu),
        "adds": _rounded(why.shares),
        "patch_takes": round(why.fall, DIGITS),
        "semantic_groups": {"block": BLOCK, "channels": why.sizes},
    }


def _rounded(values: Any, digits: int = DIGITS) -> Any:
    """As lists, of so many digits; None stays."""
    return None if values is None else np.round(values.astype(np.float64), digits).tolist()


def _summary(why: Reasons, classes: Sequence[str]) -> list[str]:
    lines = [_most_likely(why, classes, 3)]
    lines.append(f"explained: {classes[why.explained]}, logit {signed(why.logit)}")
    if why.mu is None or why.shares is None:
        lines.append("no weights of blocks: the model has no MSR")
    else:
        lines.append(
            f"mu of blocks 1 to {len(why.mu)}: {', '.join(f'{one:.2f}' for one in why.mu)}"
        )
        lines.append(f"they add to the logit: {', '.join(map(signed, why.shares.tolist()))}")
    lines.append(f"a grey patch takes {why.fall:.2f} of it at most")
    sizes = ", ".join(map(str, why.sizes))
    return [*lines, f"semantic groups of block {BLOCK}, from the top: {sizes} channels"]


def _most_likely(why: Reasons, classes: Sequence[str], count: int) -> str:
    """The most probable classes."""
    order = np.argsort(-why.probabilities, kind="stable")[:count]
    return ", ".join(f"{classes[k]} {100 * why.probabilities[k]:.1f} %" for k in order)
