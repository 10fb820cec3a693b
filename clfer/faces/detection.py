"""Finding a face and its five landmarks with insightface's SCRFD."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError

INPUT = 320  # side at which the detector looks
THRESHOLD = 0.4
BORDER = 0.5  # share of the side put around a small picture: a face that fills it is not seen


class Detector:
    """The five landmarks of the face in a picture, if there is one.

    weights: an SCRFD model as .onnx (det_*.onnx of insightface's packs); None looks into
    insightface's own folder. Raises InputError where there is none. insightface's models are for
    non-commercial research only.
    """

    def __init__(self, weights: Path | None) -> None:
        path = weights or _installed()
        if not path.is_file():
            raise InputError(
                f"faces.weights: expected an SCRFD detector (det_*.onnx); found no file {path}"
            )
        from insightface.model_zoo import get_model  # seconds to import, and not needed without it

        self.model = get_model(str(path), providers=["CPUExecutionProvider"])
        if self.model is None or not hasattr(self.model, "detect"):
            raise InputError(f"faces.weights: expected an SCRFD detector; {path} is something else")
        self.model.prepare(ctx_id=-1, input_size=(INPUT, INPUT), det_thresh=THRESHOLD)

    def __call__(self, image: UInt8[np.ndarray, "H W *C"]) -> Float[np.ndarray, "5 2"] | None:
        """Landmarks (x, y) in pixels of `image`, of the face that is largest and nearest to the
        middle.
        """
        colour: Any = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
        height, width = colour.shape[:2]
        around = round(BORDER * max(height, width)) if max(height, width) < INPUT else 0
        framed = cv2.copyMakeBorder(
            colour, around, around, around, around, cv2.BORDER_CONSTANT, value=(127, 127, 127)
        )
        scale = max(1.0, INPUT / max(framed.shape[:2]))
        enlarged = cv2.resize(framed, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        boxes, points = self.model.detect(enlarged)
        if len(boxes) == 0:
            return None
        middle = np.array([enlarged.shape[1], enlarged.shape[0]]) / 2
        sides = boxes[:, 2:4] - boxes[:, 0:2]
        off = np.linalg.norm(boxes[:, 0:2] + sides / 2 - middle, axis=1)
        best = int(np.argmax(np.sqrt(sides.prod(axis=1)) - off))
        landmarks: np.ndarray = points[best].astype(np.float64) / scale - around
        return landmarks


def _installed() -> Path:
    """The detector in insightface's own folder."""
    folder = Path.home() / ".insightface" / "models"
    found = sorted(folder.glob("**/det_*.onnx"))
    if not found:
        raise InputError(
            f"faces.weights: no det_*.onnx under {folder}; put a pack of insightface there "
            "(non-commercial research only), or name a file, or set detector to given or none"
        )
    return found[0]
