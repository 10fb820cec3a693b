"""YuNet, the face detector of OpenCV's model zoo, and where its weights are.

Wu, Peng and Yu, "YuNet: A tiny millisecond-level face detector", Machine Intelligence Research 20,
2023. MIT licence.
"""

import os
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from clfer.errors import InputError
from clfer.faces.detection import Corners, Detector, Five, Picture
from clfer.files import sha256
from clfer.progress import Track

ADDRESS = (
    "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/"
    "face_detection_yunet_2026may.onnx"
)
SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
CACHE = Path("clfer") / "detectors"  # below XDG_CACHE_HOME
LARGEST = 1 << 24  # bytes
# On the 25 photos that are measured in docs/results/detectors.md nothing else than a face reaches
# it. Scores are others than SCRFD's, whose threshold a dataset sets.
THRESHOLD = 0.75
OVERLAP = 0.3  # intersection over union from which two boxes are one face
MOST = 5000  # boxes before overlapping ones are taken together


class YuNet(Detector):
    """A YuNet model as .onnx."""

    def __init__(self, weights: Path, turned: bool) -> None:
        super().__init__(weights, turned)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a warning at each start
        self._content = np.fromfile(weights, np.uint8)  # OpenCV opens no name beyond the locale
        self._own = threading.local()  # OpenCV's object is for one thread
        self._model()

    def find(self, picture: Picture, sides: tuple[int, ...]) -> tuple[Corners, Five]:
        found = [self._at(picture, side) for side in sides]
        faces = np.concatenate(found)
        if len(sides) > 1 and len(faces):
            kept = cv2.dnn.NMSBoxes(faces[:, :4].tolist(), faces[:, 14].tolist(), 0.0, OVERLAP)
            faces = faces[np.ravel(kept)]
        corners = np.column_stack([faces[:, :2], faces[:, :2] + faces[:, 2:4], faces[:, 14]])
        return corners, faces[:, 4:14].reshape(-1, 5, 2)

    def _at(self, picture: Picture, side: int) -> np.ndarray:
        """Faces [F, 15] in pixels of the picture, reduced to this longer side where it is larger:
        enlarged ones show faces where there are none.
        """
        scale = min(side / max(picture.shape[:2]), 1.0)
        size = tuple(max(round(scale * one), 1) for one in picture.shape[1::-1])
        model = self._model()
        model.setInputSize(size)
        _, faces = model.detect(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        if faces is None:
            return np.zeros((0, 15))
        ratio = np.array(picture.shape[1::-1]) / size
        return np.column_stack([faces[:, :14].astype(np.float64) * np.tile(ratio, 7), faces[:, 14]])

    def _model(self) -> Any:
        if not hasattr(self._own, "model"):
            try:
                self._own.model = cv2.FaceDetectorYN.create(
                    "onnx", self._content, np.empty(0, np.uint8), (1, 1), THRESHOLD, OVERLAP, MOST
                )
            except cv2.error as error:
                raise InputError(self.expected("something else")) from error
        return self._own.model


def located(track: Track, ways: str, address: str = ADDRESS) -> Path:
    """The file in the cache, downloaded where it is missing or changed, verified or not at all.
    ways: what else a user can do where that fails.
    """
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = kept / CACHE / address.rpartition("/")[2]
    if not (target.is_file() and sha256(target) == SHA256):
        from clfer.download import download  # requests takes a seventh of a second

        remedy = f"put that file into {target.parent}, or {ways}"
        download(address, target, SHA256, track, remedy, LARGEST)
    return target
