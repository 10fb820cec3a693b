"""All faces of a dataset in one array of small pictures, every image accounted for."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import polars as pl
from jaxtyping import Float, UInt8
from pydantic import Field

from clfer.faces.alignment import align, whole
from clfer.files import replacing
from clfer.progress import Track
from clfer.settings import Settings

# landmarks (x, y) in pixels of a picture, or None where no face is found
Find = Callable[[UInt8[np.ndarray, "_ _ ..."]], Float[np.ndarray, "5 2"] | None]


class Alignment(Settings):
    """How faces are cut out: `datasets.D.faces`."""

    detector: Literal["insightface", "given", "none"]  # given: by the dataset; none: they are crops
    weights: Path | None  # of the detector; null: insightface's own folder
    size: int = Field(ge=16)  # side of a stored face in pixels
    channels: Literal[1, 3]
    margin: float = Field(ge=0, lt=0.5)  # see clfer.faces.alignment


def pack(
    images: Iterable[UInt8[np.ndarray, "_ _ ..."]],
    landmarks: Sequence[Any],
    settings: Alignment,
    find: Find | None,
    path: Path,
    track: Track,
) -> pl.DataFrame:
    """Write the aligned faces to `path` as uint8 [N, S, S, C]; the table says how each image fared.

    images, landmarks: one each per row, landmarks as ten numbers (x, y) or None. Columns of the
    table: `row`, `face` (index into the array, null where the image is rejected) and `outcome`:
    detected, given, whole (detector none), or centre (no landmarks: the largest square in the
    middle).
    """
    outcomes = []
    with replacing(path) as temporary:
        shape = (len(landmarks), settings.size, settings.size, settings.channels)
        faces = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        for face, image, row in zip(
            track(range(len(faces)), "aligning"), images, landmarks, strict=True
        ):
            points, outcome = _locate(image, row, settings, find)
            cut = (
                whole(image, settings.size)
                if points is None
                else align(image, points, settings.size, settings.margin)
            )
            faces[face] = _channels(cut, settings.channels)
            outcomes.append(outcome)
        faces.flush()
        del faces
    index = range(len(outcomes))
    return pl.DataFrame(
        {"row": index, "face": index, "outcome": outcomes},
        schema={"row": pl.Int64, "face": pl.Int64, "outcome": pl.String},
    )


def _locate(
    image: UInt8[np.ndarray, "H W *C"], given: Any, settings: Alignment, find: Find | None
) -> tuple[Float[np.ndarray, "5 2"] | None, str]:
    if settings.detector == "none":
        return None, "whole"
    if settings.detector == "given" or find is None:
        points = None if given is None else np.asarray(given, dtype=np.float64).reshape(5, 2)
        return points, "centre" if points is None else "given"
    points = find(image)
    return points, "centre" if points is None else "detected"


def _channels(
    face: UInt8[np.ndarray, "S S *C"], channels: int
) -> UInt8[np.ndarray, "S S {channels}"]:
    """Grey or RGB, as it shall be stored."""
    if face.ndim == 3 and channels == 1:
        face = np.asarray(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if face.ndim == 2:
        face = np.repeat(face[:, :, None], channels, axis=2)
    return face


def outcomes(table: pl.DataFrame) -> list[str]:
    """How many images fared how, in words."""
    return [f"{count:,} {name}" for name, count in Counter(table["outcome"]).most_common()]
