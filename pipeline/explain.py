"""Tool explain: what a model makes of one face, and where it looked."""

import difflib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from clfer.datasets.expressions import canonical
from clfer.errors import InputError
from clfer.files import replacing
from clfer.inference.frames import Picture, read
from clfer.inference.models import located
from clfer.inference.predictor import central_square, cut_out, left_to_right, open_detector
from clfer.pictures import UnreadableError
from clfer.report.numbers import short
from pipeline import outputs
from pipeline.console import plain, say, track
from pipeline.models import default_model, model_line, print_banner
from pipeline.options import Detect, Weights

if TYPE_CHECKING:  # PyTorch, which takes seconds
    from clfer.explanation.reasons import Reasons
    from clfer.faces.preprocessing import Cut
    from clfer.figures.explanation import FacePlace

FORMATS = (".png", ".svg", ".pdf")
LONGEST = 40  # letters of a name in the figure
DIGITS = 6  # of numbers in the JSON


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture with a face.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME|URL", help="A .safetensors; default: one in runs/."),
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
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"--to: expected a name that ends on {', '.join(FORMATS)}; found {target}")
    for option, path in (("--to", target), ("--json", numbers)):
        if path is not None and path.exists() and image.exists() and path.samefile(image):
            raise InputError(f"{option}: expected another file than the picture; found {path}")
    if face is not None and not detect:
        raise InputError(
            f"--face: expected several faces to choose from; found {face} with --no-detect, by "
            "which the whole picture is one"
        )
    try:
        picture = read(image)
    except UnreadableError as error:
        raise InputError(f"{image}: expected a picture that can be read, found: {error}") from error
    file = located(model, track) if model else default_model()
    if file.suffix.lower() == ".onnx":
        raise InputError(
            f"{file}: expected a model with its weights and blocks, found one as ONNX, through "
            "which no gradient goes; name the .safetensors that it was exported from"
        )
    from clfer.explanation.reasons import reasons
    from clfer.figures.explanation import FacePlace, draw
    from clfer.model.bundle import load

    network, card = load(file)
    explained = None if label is None else _class(label, card.classes)
    if detect:
        place, score, words = find_face(image, picture, card.cut, detector, face)
        assert place.landmarks is not None
        crop = cut_out(picture, place.landmarks, card.cut)
    else:
        place, score, words = (
            FacePlace(picture, np.zeros((0, 4)), 0, None),
            None,
            "the whole picture",
        )
        crop = central_square(picture, card.cut)
    print_banner(file, card, chosen=model is not None)
    why = reasons(network, crop, card.view, explained)
    names = [short(name, LONGEST) for name in card.classes]
    title = f"{short(plain(image.name), LONGEST)}: {_most_likely(why, names, 1)}"
    about = f"{words}; model {short(plain(file.name), LONGEST)}: {model_line(card)}"
    draw(place, why, card.classes, title, about, target)
    if numbers is not None:
        document = {"file": str(image), "model": str(file), **_face_numbers(place, score)}
        document |= _numbers(why, card.classes)
        with replacing(numbers) as temporary:
            temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    files = ", ".join(map(str, filter(None, (target, numbers))))
    say([words, *_summary(why, card.classes)], f"explain {image}: {files}")


def find_face(
    image: Path, picture: Picture, cut: "Cut", detector: Path | None, number: int | None
) -> "tuple[FacePlace, float, str]":
    """The face of that number, from the left, or without one the largest and most central; the
    score of its detection, and which face it is, in words.

    detector: as for `clfer.Predictor`. InputError where there is no face, or none of that number.
    """
    from clfer.faces.detection import principal
    from clfer.figures.explanation import FacePlace

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
    place = FacePlace(picture, faces.box, best, faces.landmarks[best])
    return place, float(faces.score[best]), words


def _class(name: str, classes: Sequence[str]) -> int:
    """Which class is meant, by its own name or by another one in any of the known languages."""
    meant = canonical(name)
    for place, one in enumerate(classes):
        if name == one or (name not in classes and meant and meant == canonical(one)):
            return place
    close = difflib.get_close_matches(name, classes, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    raise InputError(f"--class: expected one of {', '.join(classes)}; found '{name}'{hint}")


def _face_numbers(place: "FacePlace", score: float | None) -> dict[str, Any]:
    """Where the face is, in pixels; None without detection."""
    detected = place.landmarks is not None
    return {
        "face": place.chosen + 1,
        "faces": len(place.boxes) if detected else None,
        "box": _rounded(place.boxes[place.chosen], 2) if detected else None,
        "detection_score": score and round(score, DIGITS),
        "landmarks": _rounded(place.landmarks, 2),
    }


def _numbers(why: "Reasons", classes: Sequence[str]) -> dict[str, Any]:
    """The numbers of the figure."""
    from clfer.explanation.reasons import BLOCK

    probability = _rounded(why.probabilities)
    best = int(why.probabilities.argmax())
    return {
        "probability": dict(zip(classes, probability, strict=True)),
        "label": classes[best],
        "confidence": probability[best],
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


def _summary(why: "Reasons", classes: Sequence[str]) -> list[str]:
    from clfer.explanation.reasons import BLOCK
    from clfer.figures.explanation import signed

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


def _most_likely(why: "Reasons", classes: Sequence[str], count: int) -> str:
    """The most probable classes."""
    order = np.argsort(-why.probabilities, kind="stable")[:count]
    return ", ".join(f"{classes[k]} {100 * why.probabilities[k]:.1f} %" for k in order)
