"""Finding faces and their five landmarks with insightface's SCRFD."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError

# The detector looks at a square of this side. A small picture is enlarged to the first, with a
# border around it: a face that fills the picture is not seen otherwise. Of FER2013's 48 px faces
# 99 in 100 are found so, and without a border of any width fewer.
SMALL = 320
BORDER = 0.25  # share of a small picture's side
LARGE = (640, SMALL)  # a large one is looked at twice, for small faces and for large ones
GREY = (127, 127, 127)


class Found(NamedTuple):
    """The F faces in a picture, in pixels of it, the surest first."""

    box: Float[np.ndarray, "F 4"]  # left, top, width, height
    score: Float[np.ndarray, " F"]
    landmarks: Float[np.ndarray, "F 5 2"]  # as in clfer.faces.alignment.TEMPLATE


class Detector:
    """Finds faces in pictures; may be called from several threads.

    weights:   an SCRFD model as .onnx (det_*.onnx of insightface's packs), see `weights.locate`.
               They are for non-commercial research only
    threshold: the least score of a face
    turned:    whether to look at each picture in all four directions and take the one in which the
               surest face is, for pictures that lie on their side or upside down; four times slower
    """

    def __init__(self, weights: Path, threshold: float, turned: bool) -> None:
        import onnxruntime  # seconds to import, and not needed without a detector
        from insightface.model_zoo.scrfd import SCRFD

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # pictures are looked at in parallel instead
        options.log_severity_level = 4  # errors are said by us
        try:
            session = onnxruntime.InferenceSession(
                weights, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )
            self.model = SCRFD(str(weights), session=session)
            five = self.model.use_kps
        except Exception as error:  # whatever a file that is something else leads to
            raise InputError(_expected(weights, "something else")) from error
        if not five:
            raise InputError(_expected(weights, "a detector without landmarks"))
        self.model.prepare(ctx_id=-1, input_size=(SMALL, SMALL), det_thresh=threshold)
        self.weights = weights
        self.turns = range(4 if turned else 1)

    def __call__(self, picture: UInt8[np.ndarray, "H W *C"]) -> Found:
        """Every face in a picture, grey [H, W] or RGB [H, W, 3]. InputError: the weights are those
        of a network that is something else after all.
        """
        height, width = picture.shape[:2]
        looks = [
            _turned_back(self._look(np.rot90(picture, turn)), turn, height, width)
            for turn in self.turns
        ]
        return max(looks, key=lambda found: found.score.max(initial=0.0))

    def _look(self, picture: UInt8[np.ndarray, "H W *C"]) -> Found:
        code = cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR
        colour = cv2.cvtColor(np.ascontiguousarray(picture), code)
        side = max(colour.shape[:2])
        around, scale = 0, 1.0
        sides: tuple[int, ...] = LARGE
        if side <= SMALL:
            around, sides = round(BORDER * side), (SMALL,)
            scale = SMALL / (side + 2 * around)
            framed = cv2.copyMakeBorder(
                colour, around, around, around, around, cv2.BORDER_CONSTANT, value=GREY
            )
            colour = cv2.resize(framed, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        corners, points = self._detected(colour, [(side, side) for side in sides])
        box = np.hstack(
            [corners[:, :2] / scale - around, (corners[:, 2:4] - corners[:, :2]) / scale]
        )
        return Found(box, corners[:, 4], points / scale - around)

    def _detected(
        self, picture: UInt8[np.ndarray, "H W 3"], sizes: list[tuple[int, int]]
    ) -> tuple[Float[np.ndarray, "F 5"], Float[np.ndarray, "F 5 2"]]:
        """Left, top, right, bottom and score of each face, and its landmarks."""
        try:
            corners, points = self.model.detect(picture, input_size=sizes)
        except Exception as error:  # of onnxruntime, or of numpy over what came out
            raise InputError(_expected(self.weights, "one that fails on a picture")) from error
        corners, points = corners.astype(np.float64), points.astype(np.float64)
        if not (np.isfinite(corners).all() and np.isfinite(points).all()):
            raise InputError(_expected(self.weights, "one that finds faces nowhere"))
        return corners, points


def principal(found: Found, middle: Float[np.ndarray, "2"]) -> int:
    """Which face is meant, of at least one: the largest and nearest to the point `middle`.

    Its side less its distance from there, both in pixels, is greatest.
    """
    side = np.sqrt(found.box[:, 2:].prod(axis=1))
    off = np.linalg.norm(found.box[:, :2] + found.box[:, 2:] / 2 - middle, axis=1)
    return int(np.argmax(side - off))


def _turned_back(found: Found, turn: int, height: int, width: int) -> Found:
    """Faces in a picture that np.rot90 turned `turn` times, in pixels of the picture itself."""
    low, high = found.box[:, :2], found.box[:, :2] + found.box[:, 2:]
    corners = np.stack([low, high], axis=1)  # [F, 2, 2]
    for done in range(turn, 0, -1):
        # before its last turn the picture was as wide as it is high now
        before = width if done % 2 else height
        corners, landmarks = (_undo(points, before) for points in (corners, found.landmarks))
        found = found._replace(landmarks=landmarks)
    box = np.hstack([corners.min(axis=1), np.ptp(corners, axis=1)])
    return found._replace(box=box)


def _undo(points: Float[np.ndarray, "F P 2"], before: int) -> Float[np.ndarray, "F P 2"]:
    """Points of a picture turned a quarter to the left, in the picture of width `before` it was."""
    x, y = points[..., 0], points[..., 1]
    return np.stack([before - 1 - y, x], axis=-1)


def _expected(weights: Path, found: str) -> str:
    return (
        f"{weights}: expected an SCRFD detector with five landmarks (det_*.onnx of insightface), "
        f"found {found}; name another in faces.weights"
    )
