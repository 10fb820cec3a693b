"""Face detection: faces and their five landmarks by insightface's SCRFD, and where its weights are.

insightface's models are for non-commercial research only.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from zipfile import is_zipfile

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from clfer.archives import extract
from clfer.errors import InputError
from clfer.faces.preprocessing import Cut
from clfer.files import sha256, writing
from clfer.progress import Track

# The detector looks at a square of this side. A small picture is enlarged to the first, with a
# border around it: a face that fills the picture is not seen otherwise. Of FER2013's 48 px faces
# 99 in 100 are detected so, and fewer without a border or with another width.
SMALL = 320
BORDER = 0.25  # share of a small picture's side
LARGE = (640, SMALL)  # a large one is looked at twice, for small faces and for large ones
GREY = (127, 127, 127)

VARIABLE = "CLFER_DETECTOR"  # environment variable with the path of the weights
FOLDER = Path(".insightface") / "models"  # insightface's, below the home folder
OURS = "clfer"  # a folder in there; insightface takes one named like a pack for all of that pack
# the smallest pack that insightface publishes, of which we want the detector alone
PACK = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_sc.zip"
WEIGHTS = "det_500m.onnx"
SHA256 = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"
LARGEST = 1 << 28  # bytes of the pack, and of what it unpacks to


class Detections(NamedTuple):
    """The F faces in a picture, in pixels of it, by descending score."""

    box: Float[np.ndarray, "F 4"]  # left, top, width, height
    score: Float[np.ndarray, " F"]
    landmarks: Float[np.ndarray, "F 5 2"]  # as in clfer.faces.alignment.TEMPLATE


class Detector:
    """Finds faces in pictures; may be called from several threads.

    weights:   an SCRFD model as .onnx (det_*.onnx of insightface's packs)
    threshold: the least score of a face
    turned:    whether to look at each picture in all four directions and keep the one with the
               highest score, for pictures on their side or upside down; four times slower
    """

    def __init__(self, weights: Path, threshold: float, turned: bool) -> None:
        import onnxruntime  # seconds to import, and not needed without a detector
        from insightface.model_zoo.scrfd import SCRFD

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # pictures are looked at in parallel instead
        options.log_severity_level = 4  # we report errors ourselves
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

    def __call__(self, picture: UInt8[np.ndarray, "H W *C"]) -> Detections:
        """Every face in a picture, grey [H, W] or RGB [H, W, 3]. InputError: the weights turn out
        to be those of another network.
        """
        height, width = picture.shape[:2]
        by_turn = [
            _turned_back(self._upright(np.rot90(picture, turn)), turn, height, width)
            for turn in self.turns
        ]
        return max(by_turn, key=lambda detections: detections.score.max(initial=0.0))

    def _upright(self, picture: UInt8[np.ndarray, "H W *C"]) -> Detections:
        code = cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR
        colour = cv2.cvtColor(np.ascontiguousarray(picture), code)
        side = max(colour.shape[:2])
        border, scale = 0, 1.0
        sides: tuple[int, ...] = LARGE
        if side <= SMALL:
            border, sides = round(BORDER * side), (SMALL,)
            scale = SMALL / (side + 2 * border)
            framed = cv2.copyMakeBorder(
                colour, border, border, border, border, cv2.BORDER_CONSTANT, value=GREY
            )
            colour = cv2.resize(framed, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        try:  # left, top, right, bottom and score
            corners, points = self.model.detect(colour, input_size=[(side, side) for side in sides])
        except Exception as error:  # of onnxruntime, or of numpy over what came out
            raise InputError(_expected(self.weights, "one that fails on a picture")) from error
        corners, points = corners.astype(np.float64), points.astype(np.float64)
        if not (np.isfinite(corners).all() and np.isfinite(points).all()):
            raise InputError(_expected(self.weights, "one that finds faces nowhere"))
        kept = np.array([are_usable(five) for five in points], dtype=bool)
        corners, points = corners[kept], points[kept]
        low, high = corners[:, :2], corners[:, 2:4]
        box = np.hstack([low / scale - border, (high - low) / scale])
        return Detections(box, corners[:, 4], points / scale - border)


def are_usable(landmarks: Float[np.ndarray, "5 2"]) -> bool:
    """Whether a face can be aligned by them: finite, and neither one point nor on one line."""
    if not (np.abs(landmarks) < 1e6).all():  # NaN is not either; no picture is as wide
        return False
    spread = np.linalg.svd(landmarks - landmarks.mean(axis=0), compute_uv=False)
    return bool(spread[1] > 1e-6 * max(spread[0], 1.0))


def principal(detections: Detections, middle: Float[np.ndarray, "2"]) -> int:
    """Which face is meant, of at least one: the largest and nearest to the point `middle`.

    The square root of its area less its distance from there, both in pixels, is greatest.
    """
    box = detections.box
    side = np.sqrt(box[:, 2:].prod(axis=1))
    distance = np.linalg.norm(box[:, :2] + box[:, 2:] / 2 - middle, axis=1)
    return int(np.argmax(side - distance))


def open_detector(
    weights: str | Path | None,
    cut: Cut,
    track: Track,
    option: str = "--detector",
    address: str = PACK,
) -> Detector:
    """The detector with these weights, or else those of CLFER_DETECTOR, or else the first
    det_*.onnx in insightface's folder, or else WEIGHTS, downloaded to there.

    option: how the user names weights, for the InputError where there are none
    """
    ways, folder = f"name one by {option} or {VARIABLE}", Path.home() / FOLDER
    if named := weights or os.environ.get(VARIABLE):
        file = Path(named)
        if not file.is_file():
            raise InputError(
                f"{file}: expected an SCRFD detector (det_*.onnx of insightface), found no file; "
                f"{ways}"
            )
    elif installed := sorted(folder.glob("**/det_*.onnx")):
        file = installed[0]
    else:
        remedy = f"put a det_*.onnx of insightface's into {folder / OURS}, or {ways}"
        file = _fetch(folder / OURS, track, remedy, address)
    return Detector(file, cut.threshold, cut.turned)


def _fetch(folder: Path, track: Track, remedy: str, address: str) -> Path:
    """WEIGHTS in this folder, out of the pack at the address, verified or not at all."""
    from clfer.download import download  # requests takes a seventh of a second

    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".pack.") as scratch:
        pack, content = Path(scratch) / address.rpartition("/")[2], Path(scratch) / "content"
        download(address, pack, None, track, remedy, LARGEST)
        digest = "no complete zip"
        if is_zipfile(pack):
            extract(pack, content, LARGEST)
            files = sorted(content.rglob(WEIGHTS))
            digest = sha256(files[0]) if files else "none in it"
        if digest != SHA256:
            raise InputError(
                f"{address}: expected a zip with {WEIGHTS} of SHA-256 {SHA256}, found {digest}; "
                f"{remedy}"
            )
        return files[0].replace(folder / WEIGHTS)


def _turned_back(detections: Detections, turn: int, height: int, width: int) -> Detections:
    """Faces in a picture that np.rot90 turned `turn` times, in pixels of the picture itself."""
    low = detections.box[:, :2]
    corners = np.stack([low, low + detections.box[:, 2:]], axis=1)
    points = np.concatenate([corners, detections.landmarks], axis=1)  # [F, 7, 2]
    for left in range(turn, 0, -1):
        # before its last quarter turn the picture was as wide as it is high now
        before = width if left % 2 else height
        points = np.stack([before - 1 - points[..., 1], points[..., 0]], axis=-1)
    corners = points[:, :2]
    box = np.hstack([corners.min(axis=1), np.ptp(corners, axis=1)])
    return Detections(box, detections.score, points[:, 2:])


def _expected(weights: Path, found: str) -> str:
    return (
        f"{weights}: expected an SCRFD detector with five landmarks (det_*.onnx of insightface), "
        f"found {found}; use another file"
    )
