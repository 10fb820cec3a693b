"""Tool explain: what a model makes of one face, and where it looked."""

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from clfer.datasets.expressions import canonical
from clfer.errors import InputError, did_you_mean
from clfer.faces.detection import principal
from clfer.faces.detectors import open_detector
from clfer.faces.preprocessing import Cut
from clfer.files import write_json
from clfer.inference.engines import check_probability
from clfer.inference.frames import Picture, read
from clfer.inference.models import located
from clfer.inference.predictor import central_square, cut_out, left_to_right
from clfer.pictures import UnreadableError
from clfer.report.numbers import short
from pipeline import paths
from pipeline.console import plain, say, track
from pipeline.models import default_model, model_line, print_banner
from pipeline.options import Detect, Finder, check_own

if TYPE_CHECKING:  # PyTorch, which takes seconds
    from clfer.explanation import Reasons
    from clfer.figures.explanation import FacePlace

FORMATS = (".png", ".svg", ".pdf")
LONGEST = 40  # letters of a name in the figure
DIGITS = 6  # of numbers in the JSON


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture with a face.")],
    model: Annotated[
        str | None,
        typer.Option(metavar="FILE|NAME|URL", help="A .safetensors or .onnx; default: as predict."),
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
    detector: Finder = None,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .png, .svg or .pdf; default: in figures/explain."),
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="The numbers of the figure.")
    ] = None,
) -> None:
    """Show where a model looked on a face, and what each of its blocks contributed.

    One figure: the face in its picture and as the network sees it, the probabilities, a map of
    attention for each block with its weight in MSR, and the semantic groups of block 2.
    """
    target = to or paths.FIGURES / "explain" / f"{image.stem}.png"
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"--to: expected a name that ends on {', '.join(FORMATS)}; found {target}")
    read_too = map(Path, filter(None, (model, detector)))
    check_own([("--to", target), ("--json", numbers)], [image, *read_too])
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
    from clfer.explanation import reasons
    from clfer.figures.explanation import FacePlace, draw

    if file.suffix.lower() == ".onnx":
        from clfer.export.restored import restored as load
    else:
        from clfer.model.bundle import load
    network, card = load(file)
    explained = None if label is None else _class(label, card.classes)
    if detect:
        place, score, which = find_face(image, picture, card.cut, detector, face)
        assert place.landmarks is not None
        crop = cut_out(picture, place.landmarks, card.cut)
    else:
        place, score, which = (
            FacePlace(picture, np.zeros((0, 4)), 0, None),
            None,
            "the whole picture",
        )
        crop = central_square(picture, card.cut)
    print_banner(file, card, chosen=model is not None)
    why = reasons(network, crop, card.view, explained)
    check_probability(why.probabilities[None], file)
    document = {
        "file": str(image),
        "model": str(file),
        **_document(place, score, why, card.classes),
    }
    title = f"{short(plain(image.name), LONGEST)}: {_most_likely(document, 1)}"
    about = f"{which}; model {short(plain(file.name), LONGEST)}: {model_line(card)}"
    draw(place, why, card.classes, title, about, target)
    if numbers is not None:
        write_json(numbers, document)
    files = ", ".join(map(str, filter(None, (target, numbers))))
    say([which, *_summary(document)], f"explain {image}: {files}")


def find_face(
    image: Path, picture: Picture, cut: Cut, detector: str | None, number: int | None
) -> "tuple[FacePlace, float, str]":
    """The face of that number, from the left, or without one the largest and most central; the
    score of its detection, and which face it is, in words.

    detector: as for `clfer.Predictor`. InputError where there is no face, or none of that number.
    """
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
    raise InputError(f"--class: the model has no '{name}'{did_you_mean(name, classes)}")


def _document(
    place: "FacePlace", score: float | None, why: "Reasons", classes: Sequence[str]
) -> dict[str, Any]:
    """Where the face is, in pixels, None without detection; and the numbers of the figure."""
    from clfer.explanation import BLOCK

    detected, probability = place.landmarks is not None, _rounded(why.probabilities)
    best = int(why.probabilities.argmax())
    return {
        "face": place.chosen + 1,
        "faces": len(place.boxes) if detected else None,
        "box": _rounded(place.boxes[place.chosen], 2) if detected else None,
        "detection_score": score and round(score, DIGITS),
        "landmarks": _rounded(place.landmarks, 2),
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


def _summary(numbers: Mapping[str, Any]) -> list[str]:
    from clfer.figures.explanation import signed

    mu, adds, groups = numbers["mu"], numbers["adds"], numbers["semantic_groups"]
    blocks = ["no weights of blocks: the model has no MSR"]
    if mu is not None:
        weights = ", ".join(f"{one:.2f}" for one in mu)
        blocks = [
            f"mu of blocks 1 to {len(mu)}: {weights}",
            f"they add to the logit: {', '.join(map(signed, adds))}",
        ]
    return [
        _most_likely(numbers, 3),
        f"explained: {numbers['explained']}, logit {signed(numbers['logit'])}",
        *blocks,
        f"a grey patch takes {numbers['patch_takes']:.2f} of it at most",
        f"semantic groups of block {groups['block']}, from the top: "
        f"{', '.join(map(str, groups['channels']))} channels",
    ]


def _most_likely(numbers: Mapping[str, Any], count: int) -> str:
    best = heapq.nlargest(count, numbers["probability"].items(), key=lambda pair: pair[1])
    return ", ".join(f"{short(name, LONGEST)} {100 * chance:.1f} %" for name, chance in best)
