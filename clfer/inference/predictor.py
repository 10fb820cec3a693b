"""From pictures to the expressions of the faces in them."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from clfer.errors import InputError
from clfer.faces.detection import Detector, Found
from clfer.faces.preprocessing import Cut
from clfer.inference.cutting import as_it_is, cut_all, finder, from_left
from clfer.inference.engines import Engine, opened
from clfer.inference.frames import Face, Frame, Picture, Seen, read, taken
from clfer.inference.models import located
from clfer.pictures import UnreadableError
from clfer.progress import Track, silent
from clfer.team import cores

BATCH = 128  # faces that are classified at once
HELD = 1 << 27  # bytes of pictures that wait for their faces to be classified


@dataclass(frozen=True)
class _Prepared:
    """A frame with its F faces cut, an array [F, S, S, C] for each way of cutting."""

    frame: Frame
    found: Found | None
    cuts: list[UInt8[np.ndarray, "F _ _ _"]]
    picture: Picture | None = None
    problem: str | None = None

    def __len__(self) -> int:
        return len(self.cuts[0]) if self.cuts else 0


class Predictor:
    """Finds faces and says their expressions: `Predictor("model.safetensors").faces("photo.jpg")`.

    models:   files of clfer (.safetensors, or .onnx, which needs no PyTorch), names of released
              models or addresses https://...#sha256=...; of several the probabilities are averaged
    detect:   False where pictures are faces already, cut out as those that the model was trained on
    detector: SCRFD's weights; None: the file that CLFER_DETECTOR names, or insightface's folder
    device:   such as cpu or cuda, for .safetensors; None: a GPU where there is one

    May be used by one thread at a time. Raises InputError naming what is missing or does not fit.
    """

    def __init__(
        self,
        *models: str | Path,
        detect: bool = True,
        detector: str | Path | None = None,
        device: str | None = None,
        track: Track = silent,
    ) -> None:
        if not models:
            raise InputError("Predictor: expected a model, found none")
        self.files = [located(one, track) for one in models]
        self.engines = [opened(file, device) for file in self.files]
        self.classes = self.engines[0].card.classes
        self._orders = [_order(engine, file, self.classes) for engine, file in self._pairs()]
        self._cuts: list[Cut] = list(dict.fromkeys(engine.card.cut for engine in self.engines))
        self._detector: Detector | None = None
        if detect:
            self._detector = finder(detector, self._cuts[0], track)

    def faces(self, picture: str | Path | Picture) -> list[Face]:
        """The faces in a picture, from left to right: a file, or pixels grey [H, W] or RGB
        [H, W, 3].

        UnreadableError where the file holds no picture.
        """
        if isinstance(picture, (str, Path)):
            picture = read(Path(picture))
        pixels = picture
        prepared = self._cut(Frame("", lambda: pixels), pixels)
        return self._classified([prepared])[0].faces

    def stream(self, frames: Iterable[Frame], keep: bool = False) -> Iterator[Seen]:
        """What is seen in each frame, in their order; memory does not grow with their number.

        Frames are read and searched in parallel, faces classified in batches. keep: whether the
        pictures are handed back.
        """
        workers = cores()
        waiting: deque[Future[_Prepared]] = deque()
        ready: list[_Prepared] = []
        pool = ThreadPoolExecutor(workers)
        try:
            for frame in frames:
                waiting.append(pool.submit(self._prepared, frame, keep))
                if len(waiting) > 2 * workers:
                    ready.append(waiting.popleft().result())
                if _is_full(ready):
                    yield from self._classified(ready)
                    ready = []
            for future in waiting:
                ready.append(future.result())
                if _is_full(ready):
                    yield from self._classified(ready)
                    ready = []
            yield from self._classified(ready)
        finally:
            pool.shutdown(cancel_futures=True)

    def _pairs(self) -> Iterable[tuple[Engine, Path]]:
        return zip(self.engines, self.files, strict=True)

    def _prepared(self, frame: Frame, keep: bool) -> _Prepared:
        """A frame read, searched and cut."""
        try:
            picture = frame.read()
        except UnreadableError as error:
            return _Prepared(frame, None, [], problem=str(error))
        frame = replace(frame, read=taken)
        prepared = self._cut(frame, picture)
        return _Prepared(frame, prepared.found, prepared.cuts, picture) if keep else prepared

    def _cut(self, frame: Frame, picture: Picture) -> _Prepared:
        """The faces of a picture, cut in each way that a model wants."""
        if self._detector is None:
            crops = [as_it_is(picture, cut)[None] for cut in self._cuts]
            return _Prepared(frame, None, crops)
        found = from_left(self._detector(picture))
        return _Prepared(frame, found, [cut_all(picture, found, cut) for cut in self._cuts])

    def _classified(self, ready: Sequence[_Prepared]) -> list[Seen]:
        """The same with the expressions of all their faces, which are looked at together."""
        total = sum(map(len, ready))
        probability = self._probability(ready) if total else np.zeros((0, len(self.classes)))
        seen, at = [], 0
        for one in ready:
            rows = probability[at : at + len(one)]
            at += len(one)
            faces = [_face(self.classes, row, one.found, i) for i, row in enumerate(rows)]
            seen.append(Seen(one.frame, faces, one.picture, one.problem))
        return seen

    def _probability(self, ready: Sequence[_Prepared]) -> Float[np.ndarray, "N K"]:
        """The mean over the models."""
        ways = [
            np.concatenate([one.cuts[way] for one in ready if len(one)])
            for way in range(len(self._cuts))
        ]
        found = []
        for engine, order in zip(self.engines, self._orders, strict=True):
            faces = ways[self._cuts.index(engine.card.cut)]
            parts = [engine(faces[i : i + BATCH]) for i in range(0, len(faces), BATCH)]
            found.append(np.concatenate(parts)[:, order])
        mean: np.ndarray = np.mean(found, axis=0)
        return mean


def _order(engine: Engine, file: Path, classes: tuple[str, ...]) -> list[int]:
    """Where a model has each class; InputError where it has others."""
    own = engine.card.classes
    if sorted(own) != sorted(classes):
        raise InputError(
            f"{file}: expected the classes of the first model, {', '.join(classes)}, to average "
            f"them; found {', '.join(own)}"
        )
    return [own.index(name) for name in classes]


def _face(
    classes: Sequence[str], probability: Float[np.ndarray, " K"], found: Found | None, i: int
) -> Face:
    chances = dict(zip(classes, map(float, probability), strict=True))
    if found is None:
        return Face(chances)
    left, top, width, height = map(float, found.box[i])
    points = tuple((float(x), float(y)) for x, y in found.landmarks[i])
    return Face(chances, (left, top, width, height), float(found.score[i]), points)


def _is_full(ready: Sequence[_Prepared]) -> bool:
    held = sum(one.picture.nbytes for one in ready if one.picture is not None)
    return sum(map(len, ready)) >= BATCH or held >= HELD or len(ready) >= 4 * BATCH
