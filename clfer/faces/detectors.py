"""Which detector is meant: yunet, insightface, or the file of either."""

import os
from pathlib import Path

from clfer.errors import InputError, did_you_mean
from clfer.faces import scrfd, yunet
from clfer.faces.detection import Detector
from clfer.faces.preprocessing import Cut
from clfer.progress import Track

VARIABLE = "CLFER_DETECTOR"  # environment variable with the name of a detector, or its file
NAMES = ("yunet", "insightface")
DEFAULT = "yunet"
YUNET = b"obj_8"  # an output of YuNet's, in its file


def open_detector(
    named: str | Path | None,
    cut: Cut,
    track: Track,
    option: str = "--detector",
    kind: str | None = None,
    device: str | None = None,
) -> Detector:
    """The detector of this name or file, or else of CLFER_DETECTOR, or else the default.

    kind:   the name of the one it has to be; of CLFER_DETECTOR only a file counts then
    option: how the user names one, for InputErrors
    device: cuda or cuda:N for SCRFD; anything else is the CPU, which YuNet always takes: OpenCV 5
            ignores the backend that it is given

    A name's weights are downloaded where they are not at hand. Which network a file holds is seen
    from its content.
    """
    chosen = str(named or os.environ.get(VARIABLE) or DEFAULT)
    if kind and chosen in NAMES:
        chosen = kind
    ways = f"name another by {option} or {VARIABLE}"
    if chosen == "yunet":
        return yunet.YuNet(yunet.located(track, ways), cut.turned)
    if chosen == "insightface":
        return scrfd.Scrfd(scrfd.located(track, ways), cut.threshold, cut.turned, device)
    file = Path(chosen)
    if not file.is_file():
        raise InputError(
            f"{file}: expected yunet, insightface or the file of a detector (.onnx), found no "
            f"file{did_you_mean(chosen, NAMES)}; name one by {option} or {VARIABLE}"
        )
    held = "yunet" if YUNET in file.read_bytes() else "insightface"
    if kind not in (None, held):
        raise InputError(
            f"{file}: expected weights of {kind}, found those of another detector; {ways}"
        )
    if held == "yunet":
        return yunet.YuNet(file, cut.turned)
    return scrfd.Scrfd(file, cut.threshold, cut.turned, device)
