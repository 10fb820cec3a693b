"""The face in a picture that a tool is asked about."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from clfer.errors import InputError
from clfer.faces.detection import principal
from clfer.faces.preprocessing import Cut
from clfer.figures.face_in_picture import Place
from clfer.inference import cutting, frames
from clfer.pictures import UnreadableError
from pipeline.console import track

Picture = UInt8[np.ndarray, "H W *C"]


class Subject(NamedTuple):
    """The face that is meant.

    face:  as cut for the network
    place: where it is in its picture
    score: of its detection, None where it was not looked for
    said:  which one it is, in words
    """

    face: UInt8[np.ndarray, "S S C"]
    place: Place
    score: float | None
    said: str


def read(image: Path) -> Picture:
    """The picture in a file; InputError where there is none."""
    try:
        return frames.read(image)
    except UnreadableError as error:
        raise InputError(f"{image}: expected a picture that can be read, found: {error}") from error


def found(
    image: Path, picture: Picture, cut: Cut, detector: Path | None, number: int | None
) -> Subject:
    """The face of that number, from the left, or without one the largest and most central.

    detector: SCRFD's weights; None: the file that CLFER_DETECTOR names, or insightface's folder.
    InputError where there is no face, or none of that number.
    """
    faces = cutting.from_left(cutting.finder(detector, cut, track)(picture))
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
    said = f"face {best + 1} of {count}"
    if number is None and count > 1:
        said += ", the largest and most central (another by --face)"
    points = faces.landmarks[best]
    face = cutting.cut_out(picture, points, cut)
    return Subject(face, Place(picture, faces.box, best, points), float(faces.score[best]), said)


def as_face(picture: Picture, cut: Cut) -> Subject:
    """The largest square in the middle of the picture, as a face."""
    face = cutting.as_it_is(picture, cut)
    return Subject(face, Place(picture, np.zeros((0, 4)), 0, None), None, "the picture as a face")
