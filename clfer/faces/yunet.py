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
from jaxtyping import Float

from clfer.errors import InputError
from clfer.faces.alignment import Points, warped
from clfer.faces.detection import Corners, Detector, Five, Picture
from clfer.files import sha256
from clfer.progress import Track

Found = Float[np.ndarray, "F 15"]  # box, five landmarks and score

ADDRESS = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/"
    "47534e27c9851bb1128ccc0102f1145e27f23f98/models/face_detection_yunet/"
    "face_detection_yunet_2026may.onnx"
)
SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
CACHE = Path("clfer") / "detectors"  # below XDG_CACHE_HOME
LARGEST = 1 << 24  # bytes
# On the 25 photos that are measured in docs/results/detectors.md nothing else than a face reaches
# it. Scores are others than SCRFD's, whose threshold a dataset sets.
THRESHOLD = 0.7
OVERLAP = 0.3  # intersection over union from which two boxes are one face
MOST = 5000  # boxes before overlapping ones are taken together
SHARE = 0.25  # of the longer side: smaller faces of a reduced picture's further looks are left out

# Landmarks of a face that is seen small stay level however the head is tilted: it is looked at
# once more, and turned upright where it is tilted.
NEAR = 224  # side of that look
FACE = 0.9  # share of it that the box's longer side takes
SEEN = 160  # pixels of a box from which the landmarks follow its tilt
LEVEL = 5.0  # degrees


class YuNet(Detector):
    """A YuNet model as .onnx."""

    # Of FER2013's faces of 48 px 98 in 100 are found so, fewer with a border or at another side.
    small, border, large = 256, 0.0, (640, 256)

    def __init__(self, weights: Path, turned: bool) -> None:
        super().__init__(weights, turned)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_FATAL)  # it warns at each start
        self._content = np.fromfile(weights, np.uint8)  # OpenCV opens no name beyond the locale
        self._own = threading.local()  # OpenCV's object is for one thread
        self._model()

    def find(self, picture: Picture, sides: tuple[int, ...]) -> tuple[Corners, Five]:
        longest = max(picture.shape[:2])
        found: list[np.ndarray] = []
        for side in sides:
            faces = self._at(picture, side)
            length = faces[:, 2:4].max(axis=1)
            if found:  # what is small in a smaller look is often no face
                faces = faces[length >= SHARE * longest]
            found.append(faces)
        faces = np.concatenate(found)
        if not (np.abs(faces) < 1e6).all():  # NaN is not either; no picture is as wide
            raise ValueError("faces nowhere")
        if len(sides) > 1 and len(faces):
            kept = cv2.dnn.NMSBoxes(faces[:, :4].tolist(), faces[:, 14].tolist(), 0.0, OVERLAP)
            faces = faces[np.ravel(kept)]
        corners = np.column_stack([faces[:, :2], faces[:, :2] + faces[:, 2:4], faces[:, 14]])
        seen = min(sides[0] / longest, 1.0)  # what a pixel was in the first look
        points = [self._followed(picture, face, seen) for face in faces]
        return corners, np.reshape(points, (-1, 5, 2))

    def _at(self, picture: Picture, side: int) -> Found:
        """Faces in pixels of the picture, reduced to this longer side where it is larger: enlarged
        ones show faces where there are none.
        """
        scale = min(side / max(picture.shape[:2]), 1.0)
        size = tuple(max(round(scale * one), 1) for one in picture.shape[1::-1])
        found = self._seen(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
        ratio = np.array(picture.shape[1::-1]) / size
        return np.hstack([found[:, :14] * np.tile(ratio, 7), found[:, 14:]])

    def _followed(self, picture: Picture, face: Float[np.ndarray, "15"], seen: float) -> Points:
        """The landmarks of a face that was looked at in a picture `seen` times as large."""
        points, middle = face[4:14].reshape(5, 2), face[:2] + face[2:4] / 2
        longest = max(face[2:4].max(), 1.0)
        near = seen * longest >= SEEN
        for _ in range(2):
            across, down = points[1] - points[0]
            tilt = float(np.degrees(np.arctan2(down, across)))
            if near and abs(tilt) < LEVEL:
                break
            matrix = cv2.getRotationMatrix2D(middle.tolist(), tilt, FACE * NEAR / longest)
            matrix = np.column_stack([matrix[:, :2], matrix[:, 2] + NEAR / 2 - middle])
            found = self._seen(warped(picture, matrix, NEAR))
            if not len(found):
                break
            off = np.linalg.norm(found[:, :2] + found[:, 2:4] / 2 - NEAR / 2, axis=1)
            back = cv2.invertAffineTransform(matrix)
            points = found[off.argmin(), 4:14].reshape(5, 2) @ back[:, :2].T + back[:, 2]
            near = True
        return points

    def _seen(self, picture: Picture) -> Found:
        model = self._model()
        model.setInputSize(picture.shape[1::-1])
        _, faces = model.detect(picture)
        return np.zeros((0, 15)) if faces is None else faces.astype(np.float64)

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
