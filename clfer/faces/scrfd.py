"""SCRFD, insightface's face detector, and where its weights are.

insightface's models are for non-commercial research only.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import is_zipfile

import numpy as np

from clfer.archives import extract
from clfer.errors import InputError
from clfer.faces.detection import Corners, Detector, Five, Picture
from clfer.files import sha256, writing
from clfer.onnx_session import open_session
from clfer.progress import Track

FOLDER = Path(".insightface") / "models"  # insightface's, below the home folder
OURS = "clfer"  # a folder in there; insightface takes one named like a pack for all of that pack
# the smallest pack that insightface publishes, of which we want the detector alone
PACK = "https://github.com/deepinsight/insightface/releases/download/v0.7/buffalo_sc.zip"
WEIGHTS = "det_500m.onnx"
SHA256 = "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a"
LARGEST = 1 << 28  # bytes of the pack, and of what it unpacks to


class Scrfd(Detector):
    """An SCRFD model (det_*.onnx of insightface's packs).

    threshold: the least score of a face; device: cuda or cuda:N, anything else is the CPU
    """

    # Of FER2013's faces of 48 px 99 in 100 are found so, fewer without a border or at another side.
    small, border, large = 320, 0.25, (640, 320)

    def __init__(
        self, weights: Path, threshold: float, turned: bool, device: str | None = None
    ) -> None:
        super().__init__(weights, turned)
        from insightface.model_zoo.scrfd import SCRFD  # seconds, and not needed without a detector

        if not (device or "").startswith("cuda"):
            device = "cpu"
        try:
            # one thread: pictures are looked at in parallel instead
            session, self.device = open_session(weights, device, threads=1)
            self.model = SCRFD(str(weights), session=session)
            five = self.model.use_kps
        except InputError:
            raise
        except Exception as error:  # whatever a file that is something else leads to
            raise InputError(self.expected("something else")) from error
        if not five:
            raise InputError(self.expected("a detector without landmarks"))
        # ctx_id: below zero insightface puts the session back on the CPU
        self.model.prepare(ctx_id=0, input_size=(self.small, self.small), det_thresh=threshold)

    def find(self, picture: Picture, sides: tuple[int, ...]) -> tuple[Corners, Five]:
        found, points = self.model.detect(picture, input_size=[(side, side) for side in sides])
        return found.astype(np.float64), points.astype(np.float64)


def located(track: Track, ways: str, address: str = PACK) -> Path:
    """The first det_*.onnx in insightface's folder, or else WEIGHTS, downloaded to there, verified
    or not at all. ways: what else a user can do where that fails.
    """
    folder = Path.home() / FOLDER
    if installed := sorted(folder.glob("**/det_*.onnx")):
        return installed[0]
    from clfer.download import download  # requests takes a seventh of a second

    folder /= OURS
    remedy = f"put a det_*.onnx of insightface's into {folder}, or {ways}"
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
