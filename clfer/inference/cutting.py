"""Faces found in a picture, and cut out as a model wants them."""

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from clfer.faces.alignment import align, places, whole
from clfer.faces.cropping import coloured
from clfer.faces.detection import Detector, Found
from clfer.faces.preprocessing import Cut
from clfer.faces.weights import locate
from clfer.inference.frames import Picture
from clfer.progress import Track

DETECTOR = "CLFER_DETECTOR"  # names a detector's file


def finder(detector: str | Path | None, cut: Cut, track: Track) -> Detector:
    """What finds faces for a model. `detector` as for Predictor; InputError where there is none."""
    named = detector or os.environ.get(DETECTOR)
    return Detector(locate(Path(named) if named else None, track), cut.threshold, cut.turned)


def from_left(found: Found) -> Found:
    """The same faces by the middle of their box, the leftmost first."""
    order = np.argsort(found.box[:, 0] + found.box[:, 2] / 2, kind="stable")
    return Found(*(part[order] for part in found))


def cut_out(
    picture: Picture, landmarks: Float[np.ndarray, "5 2"], cut: Cut
) -> UInt8[np.ndarray, "S S C"]:
    """A face of the picture as the training faces were cut."""
    return coloured(align(picture, landmarks, places(cut), cut.size), cut.channels)


def as_it_is(picture: Picture, cut: Cut) -> UInt8[np.ndarray, "S S C"]:
    """The largest square in the middle of the picture, as a face."""
    return coloured(whole(picture, cut.size), cut.channels)


def cut_all(picture: Picture, found: Found, cut: Cut) -> UInt8[np.ndarray, "F S S C"]:
    """Every face that was found, cut out in one way."""
    faces = np.zeros((len(found.score), cut.size, cut.size, cut.channels), np.uint8)
    for i, landmarks in enumerate(found.landmarks):
        faces[i] = cut_out(picture, landmarks, cut)
    return faces
