"""Where a person's features lie, in px from the point between eyes and mouth, y down."""

import numpy as np

from clfer.datasets.demo.anatomy import Features
from clfer.datasets.demo.appearance import Person
from clfer.datasets.demo.canvas import Points, oval

EYES_Y, BROWS_Y, MOUTH_Y = -4.0, -9.3, 11.0
NOSE_DEPTH = 4.0  # of its tip, in front of the face
# A side's index in every pair, and its sign: left of the image, right of the image.
SIDES = ((0, -1.0), (1, 1.0))


def eye_centres(who: Person) -> Points:
    """[2, 2]: left, right."""
    return np.array([[-who.eye_distance, EYES_Y], [who.eye_distance, EYES_Y]])


def nose_y(who: Person, face: Features) -> float:
    """The nostrils' height; wrinkling lifts them."""
    return who.nose_length - face.creases.nose


def nose_tip(who: Person, face: Features) -> Points:
    """[1, 2], at NOSE_DEPTH."""
    return np.array([[0.0, nose_y(who, face) - 0.6]])


def mouth_corners(who: Person, face: Features) -> Points:
    """[2, 2]: left, right."""
    out = who.mouth_half_width + face.mouth.corner_out
    y = MOUTH_Y - who.mouth_rest - face.mouth.corner_up + 0.2 * face.mouth.jaw
    return np.stack([np.array([-1.0, 1.0]) * out, y], axis=1)


def outline(who: Person, face: Features) -> Points:
    """Of the head without its hair, narrower at the jaw than at the cheekbones."""
    head = oval(0.0, 0.0, who.half_width, 1.0, who.squareness)
    bottom = who.chin + face.mouth.jaw
    head[:, 1] *= np.where(head[:, 1] > 0, bottom, who.skull)
    head[:, 0] *= 1 - 0.16 * np.clip(head[:, 1] / bottom, 0, 1) ** 1.5
    return head
