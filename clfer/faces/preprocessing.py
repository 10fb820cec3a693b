"""Settings of how a picture becomes a network's input; a model file carries them.

This file imports nothing heavy, so that a model can be read where PyTorch is not installed.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FiniteFloat

from clfer.settings import Settings

MEAN = (0.485, 0.456, 0.406)  # of ImageNet in [0, 1], whichever weights the encoder starts from
STD = (0.229, 0.224, 0.225)

Point = Annotated[tuple[FiniteFloat, FiniteFloat], Field(strict=False)]
LARGEST = 1024  # pixels of a side: a model's card must not ask for more than there is memory


class View(Settings):
    """How a face is shown to the network."""

    resize: int = Field(gt=0, le=LARGEST)  # side in pixels to which the stored face is brought
    crop: int = Field(gt=0, le=LARGEST)  # side of the window that is cut from it: the input size


def _distinct(points: tuple[Point, ...]) -> tuple[Point, ...]:
    if len(set(points)) < len(points):
        raise ValueError("expected five different points (x, y), some are equal")
    return points


class Cut(Settings):
    """How faces are found in a picture and cut out of it."""

    threshold: float = Field(ge=0, le=1)  # least score of a face for SCRFD; YuNet has its own
    turned: bool  # see clfer.faces.detection.Detector
    size: int = Field(ge=16, le=LARGEST)  # side of a stored face in pixels
    channels: Literal[1, 3]
    margin: float = Field(ge=0, lt=0.5)  # see clfer.faces.alignment.places
    # where published faces have eyes, nose and corners of the mouth, to cut photos alike
    landmarks: (
        Annotated[
            tuple[Point, Point, Point, Point, Point], Field(strict=False), AfterValidator(_distinct)
        ]
        | None
    )
