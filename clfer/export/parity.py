"""How far two engines are apart: faces to compare them on, and what eight bits cost."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from clfer.errors import InputError
from clfer.export.onnx_model import CALIBRATION
from clfer.faces.preprocessing import Cut
from clfer.inference.engines import Engine
from clfer.inference.frames import read, sources
from clfer.inference.predictor import central_square
from clfer.pictures import UnreadableError
from clfer.progress import Track
from clfer.scoring.comparison import McNemar, mcnemar

LIMIT = 1e-4  # by which two probabilities may differ
BATCH = 32


class Material(NamedTuple):
    """Faces as the model takes them.

    faces: to compare engines on; description: which these are
    judged: to score int8 on, `label` where they have one; calibration: to find its ranges by
    """

    faces: UInt8[np.ndarray, "N S S C"]
    description: str
    judged: UInt8[np.ndarray, "M S S C"]
    label: Int[np.ndarray, " M"] | None
    calibration: UInt8[np.ndarray, "Q S S C"]


class Parity(NamedTuple):
    """How far the probabilities that two engines give to the same faces are apart."""

    faces: int
    difference: float  # the largest of any probability
    same: int  # faces with the same label
    tied: int  # with another one, their two highest probabilities being within LIMIT

    @property
    def holds(self) -> bool:
        """Whether both agree; False where there is a NaN."""
        return self.difference <= LIMIT and self.same + self.tied == self.faces


def probabilities(
    engine: Engine, faces: UInt8[np.ndarray, "N S S C"], track: Track, description: str
) -> Float[np.ndarray, "N K"]:
    """The probabilities of faces, a batch at a time."""
    starts = track(range(0, len(faces), BATCH), description)
    return np.concatenate([engine(np.ascontiguousarray(faces[i : i + BATCH])) for i in starts])


def compared(expected: Float[np.ndarray, "N K"], found: Float[np.ndarray, "N K"]) -> Parity:
    """How far two engines' probabilities of the same faces are apart."""
    same = expected.argmax(axis=1) == found.argmax(axis=1)
    second, first = np.sort(expected, axis=1)[:, -2:].T
    tied = ~same & (first - second <= LIMIT)
    difference = float(np.abs(expected - found).max())
    return Parity(len(expected), difference, int(same.sum()), int(tied.sum()))


def check_parity(
    path: Path, engines: Mapping[str, Engine], faces: UInt8[np.ndarray, "N S S C"], track: Track
) -> Parity:
    """How far PyTorch and onnxruntime are apart; InputError where it is too far."""
    expected, found = (
        probabilities(engine, faces, track, name) for name, engine in engines.items()
    )
    parity = compared(expected, found)
    if not parity.holds:
        changed = parity.faces - parity.same - parity.tied
        raise InputError(
            f"{path}: expected onnxruntime to say what PyTorch says within {LIMIT:g}, found "
            f"{parity.difference:.1e} and {changed:,} of {parity.faces:,} labels changed; nothing "
            "was written: try other versions of torch, onnxscript and onnxruntime"
        )
    return parity


class Int8Cost(NamedTuple):
    """How far eight bits are from float on the judged faces. difference: the largest of any
    probability; same: faces with the same label; accuracy of float and of int8, and McNemar's test
    of both, where the faces have labels.
    """

    faces: int
    difference: float
    same: int
    accuracy: tuple[float, float] = (np.nan, np.nan)
    test: McNemar | None = None


def int8_cost(material: Material, whole: Engine, small: Engine, track: Track) -> Int8Cost:
    """What eight bits cost: of an engine in float, and one in int8."""
    a, b = (probabilities(one, material.judged, track, "comparing int8") for one in (whole, small))
    parity = compared(a, b)
    cost = Int8Cost(parity.faces, parity.difference, parity.same)
    if material.label is None:
        return cost
    right = [one.argmax(axis=1) == material.label for one in (a, b)]
    accuracy = (float(right[0].mean()), float(right[1].mean()))
    return cost._replace(accuracy=accuracy, test=mcnemar(*right))


def folder_material(folder: Path, cut: Cut, count: int, int8: bool, track: Track) -> Material:
    """Up to `count` of a folder's pictures as faces, evenly spread; for int8 every other one
    calibrates, and the rest are judged. InputError where too few can be read.
    """
    files = [source.path for source in sources([str(folder)], ()) if not source.is_video]
    chosen, faces = [files[place] for place in spread(len(files), count)], []
    for file in track(chosen, "reading"):
        with suppress(UnreadableError):
            faces.append(central_square(read(file), cut))
    if not faces:
        raise InputError(
            f"{folder}: expected pictures of faces, found none among {len(files):,} files that can "
            "be read; name another folder by --faces"
        )
    if int8 and len(faces) < 2:
        raise InputError(
            f"{folder}: expected two face crops or more, to calibrate int8 by one and judge it by "
            "another; found one"
        )
    found, unreadable = np.stack(faces), len(chosen) - len(faces)
    description = f"{len(found):,} faces of {folder}"
    description += f" ({unreadable:,} more could not be read)" if unreadable else ""
    return Material(found, description, found[1::2], None, found[::2][:CALIBRATION])


def spread(total: int, count: int) -> Int[np.ndarray, " N"]:
    """Up to `count` of the places 0..total-1, evenly spread, ascending."""
    return np.linspace(0, total - 1, min(total, count)).round().astype(np.int64)
