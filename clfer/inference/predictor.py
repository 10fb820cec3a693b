"""From pictures to the faces in them and their expressions."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from clfer.errors import InputError
from clfer.faces.alignment import align, coloured, places, whole
from clfer.faces.detection import Detections
from clfer.faces.detectors import open_detector
from clfer.faces.preprocessing import Cut
from clfer.inference.engines import check_probability, open_engine
from clfer.inference.frames import Frame, Picture, as_pixels
from clfer.inference.models import SHIPPED, located
from clfer.pictures import UnreadableError
from clfer.progress import Track, silent
from clfer.team import cores

BATCH = 128  # faces that are classified at once
PIXELS = BATCH * 224**2  # of them as the network sees them
WAITING = 1 << 27  # bytes of kept pictures that wait for their faces to be classified
UNSURE = "unsure"  # shown for a face whose best class is less probable than was asked for


@dataclass(frozen=True)
class Face:
    """A face and the probability of each expression.

    box: left, top, width, height in pixels of the picture; landmarks: x, y of eyes, nose and
    corners of the mouth, left to right; both and the score of detection are None for a face crop.
    """

    probability: dict[str, float]
    box: tuple[float, float, float, float] | None = None
    detection_score: float | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None

    @property
    def label(self) -> str:
        """The most probable class, of equal ones the first."""
        return max(self.probability, key=self.probability.__getitem__)

    @property
    def confidence(self) -> float:
        """The probability of `label`."""
        return self.probability[self.label]

    def shown(self, minimum: float) -> str:
        """The label, or UNSURE where it is less probable than that."""
        return self.label if self.confidence >= minimum else UNSURE


@dataclass(frozen=True)
class Result:
    """The faces of a frame from left to right, or the problem with which it could not be read.

    picture: its pixels, where they were asked for
    """

    frame: Frame
    faces: list[Face]
    picture: Picture | None
    problem: str | None


@dataclass(frozen=True)
class _Cropped:
    """A frame whose F faces are found and cut: an array [F, S, S, C] for each kind of crop."""

    result: Result  # without faces
    detections: Detections | None = None
    crops: Sequence[UInt8[np.ndarray, "F _ _ _"]] = ()

    def __len__(self) -> int:
        return len(self.crops[0]) if self.crops else 0


class Predictor:
    """Finds faces and their expressions: `Predictor().faces("photo.jpg")`.

    models:   files of clfer (.safetensors, or .onnx, which needs no PyTorch), or what else
              `clfer.inference.models.located` knows; the probabilities of several are averaged;
              by default the one in the package
    detect:   False where pictures are faces already, cut like those that the model was trained on
    detector: yunet, insightface or the file of either; None: that of CLFER_DETECTOR, or yunet
    device:   cpu, cuda or cuda:N for models and insightface's detector, and what else PyTorch has
              for .safetensors; None: the CPU, but for .safetensors a GPU where there is one

    For one thread at a time. InputError names what is missing or does not fit.
    """

    def __init__(
        self,
        *models: str | Path,
        detect: bool = True,
        detector: str | Path | None = None,
        device: str | None = None,
        track: Track = silent,
    ) -> None:
        self.files = [located(one, track) for one in models or SHIPPED]
        self.engines = [open_engine(file, device) for file in self.files]
        self.classes = self.engines[0].card.classes
        self._orders = []  # where each model has each of the classes
        for engine, file in zip(self.engines, self.files, strict=True):
            own = engine.card.classes
            if sorted(own) != sorted(self.classes):
                raise InputError(
                    f"{file}: expected the classes of the first model, {', '.join(self.classes)}, "
                    f"to average them; found {', '.join(own)}"
                )
            self._orders.append([own.index(name) for name in self.classes])
        self._cuts: list[Cut] = list(dict.fromkeys(engine.card.cut for engine in self.engines))
        self.detector = (
            open_detector(detector, self._cuts[0], track, device=device) if detect else None
        )

    def faces(self, picture: str | Path | Image.Image | np.ndarray) -> list[Face]:
        """The faces in a picture, from left to right.

        picture: a file, a PIL image, or a uint8 array: grey [H, W], RGB [H, W, 3] or RGBA
        [H, W, 4]. UnreadableError where the file holds no picture, InputError for another array,
        TypeError for anything else.
        """
        pixels = as_pixels(picture)
        frame = Frame("", lambda: pixels)
        return self._classified([self._crop(Result(frame, [], None, None), pixels)])[0].faces

    def stream(self, frames: Iterable[Frame], keep: bool = False) -> Iterator[Result]:
        """The result of each frame, in order; memory does not grow with their number.

        Frames are read and searched in parallel, faces classified in batches. keep: whether results
        hold the pictures.
        """
        ready: list[_Cropped] = []
        for one in self._cropped(frames, keep):
            ready.append(one)
            if _is_full(ready):
                yield from self._classified(ready)
                ready = []
        yield from self._classified(ready)

    def _cropped(self, frames: Iterable[Frame], keep: bool) -> Iterator[_Cropped]:
        """The frames in order; some are read and searched ahead of those that were asked for."""
        workers = cores()
        waiting: deque[Future[_Cropped]] = deque()
        pool = ThreadPoolExecutor(workers)
        try:
            for frame in frames:
                waiting.append(pool.submit(self._read, frame, keep))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _read(self, frame: Frame, keep: bool) -> _Cropped:
        try:
            picture = as_pixels(frame.read())
        except UnreadableError as error:
            return _Cropped(Result(frame, [], None, str(error)))
        # a video's frame holds its pixels in `read`: let them go
        frame = replace(frame, read=_already_read)
        return self._crop(Result(frame, [], picture if keep else None, None), picture)

    def _crop(self, result: Result, picture: Picture) -> _Cropped:
        """The faces of a picture, cut in each way that a model wants."""
        if self.detector is None:
            squares = [central_square(picture, cut)[None] for cut in self._cuts]
            return _Cropped(result, None, squares)
        detections = left_to_right(self.detector(picture))
        crops = []
        for cut in self._cuts:
            faces = [cut_out(picture, landmarks, cut) for landmarks in detections.landmarks]
            crops.append(np.array(faces, np.uint8).reshape(-1, cut.size, cut.size, cut.channels))
        return _Cropped(result, detections, crops)

    def _classified(self, frames: Sequence[_Cropped]) -> list[Result]:
        """The results of these frames, whose faces are classified together."""
        total = sum(map(len, frames))
        probability = self._probability(frames) if total else np.zeros((0, len(self.classes)))
        results, start = [], 0
        for one in frames:
            rows = probability[start : start + len(one)]
            start += len(one)
            faces = [_face(self.classes, row, one.detections, i) for i, row in enumerate(rows)]
            results.append(replace(one.result, faces=faces))
        return results

    def _probability(self, frames: Sequence[_Cropped]) -> Float[np.ndarray, "N K"]:
        """The mean over the models."""
        faces = {
            cut: np.concatenate([one.crops[i] for one in frames if len(one)])
            for i, cut in enumerate(self._cuts)
        }
        by_model = []
        for engine, file, order in zip(self.engines, self.files, self._orders, strict=True):
            crops = faces[engine.card.cut]
            step = min(BATCH, max(PIXELS // engine.card.view.crop**2, 1))
            parts = [engine(crops[i : i + step]) for i in range(0, len(crops), step)]
            found = np.concatenate(parts)
            check_probability(found, file)
            by_model.append(found[:, order])
        mean: np.ndarray = np.mean(by_model, axis=0)
        return mean


def left_to_right(detections: Detections) -> Detections:
    """The same faces by the middle of their box, the leftmost first."""
    order = np.argsort(detections.box[:, 0] + detections.box[:, 2] / 2, kind="stable")
    return Detections(*(part[order] for part in detections))


def cut_out(
    picture: Picture, landmarks: Float[np.ndarray, "5 2"], cut: Cut
) -> UInt8[np.ndarray, "S S C"]:
    """A face of the picture, cut like the training faces."""
    return coloured(align(picture, landmarks, places(cut), cut.size), cut.channels)


def central_square(picture: Picture, cut: Cut) -> UInt8[np.ndarray, "S S C"]:
    """The largest square in the middle of the picture, taken as a face."""
    return coloured(whole(picture, cut.size), cut.channels)


def _already_read() -> Picture:
    raise UnreadableError("read already")


def _face(
    classes: Sequence[str],
    probability: Float[np.ndarray, " K"],
    detections: Detections | None,
    i: int,
) -> Face:
    by_class = dict(zip(classes, map(float, probability), strict=True))
    if detections is None:
        return Face(by_class)
    left, top, width, height = map(float, detections.box[i])
    points = tuple((float(x), float(y)) for x, y in detections.landmarks[i])
    return Face(by_class, (left, top, width, height), float(detections.score[i]), points)


def _is_full(ready: Sequence[_Cropped]) -> bool:
    pictures = (one.result.picture for one in ready)
    kept = sum(picture.nbytes for picture in pictures if picture is not None)
    return sum(map(len, ready)) >= BATCH or kept >= WAITING or len(ready) >= 4 * BATCH
