"""How fast `clfer predict` is: `python -m bench.inference MODEL PHOTO`.

5,000 face crops in one call and one by one, in images a second; and videos of 2, 5 and 10 minutes
(320 x 240 px, 10 frames a second, the photo moving through the picture): seconds, frames a second,
and the highest anonymous memory of the command. The detector is that of CLFER_DETECTOR, or
insightface's.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from bench.timing import watched
from clfer.inference.frames import Frame, read
from clfer.inference.output import film as written
from clfer.inference.predictor import Predictor

CROPS = 5000
MINUTES = (2, 5, 10)
RATE, HEIGHT, WIDTH = 10, 240, 320


def crops(model: Path) -> tuple[float, float]:
    """Images a second: in a stream, and one call each."""
    predictor = Predictor(model, detect=False)
    faces = np.random.default_rng(0).integers(0, 256, (CROPS, 48, 48), dtype=np.uint8)
    list(predictor.stream(Frame("", lambda: faces[0]) for _ in range(300)))
    start = time.perf_counter()
    list(predictor.stream(Frame("", lambda one=one: one) for one in faces))
    middle = time.perf_counter()
    for one in faces:
        predictor.faces(one)
    return CROPS / (middle - start), CROPS / (time.perf_counter() - middle)


def film(photo: Path, frames: int, path: Path) -> None:
    """The photo, larger than the picture is high, seen through a window that moves."""
    pixels = read(photo)
    scale = 1.5 * HEIGHT / pixels.shape[0]
    large = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = cv2.copyMakeBorder(large, 0, 0, WIDTH, WIDTH, cv2.BORDER_REPLICATE)
    down, across = large.shape[0] - HEIGHT, large.shape[1] - WIDTH
    with written(path, RATE) as add:
        for number in range(frames):
            top = int(down * (0.5 + 0.5 * np.sin(number / 41)))
            left = int(across * (0.5 + 0.5 * np.sin(number / 67)))
            add(np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH]))


if __name__ == "__main__":
    model, photo = (Path(word).absolute() for word in sys.argv[1:])
    together, single = crops(model)
    print(f"{CROPS:,} crops: {together:.0f} images/s, one by one {single:.0f}")
    with TemporaryDirectory() as folder:
        for minutes in MINUTES:
            path, frames = Path(folder) / f"{minutes}.mp4", 60 * RATE * minutes
            film(photo, frames, path)
            command = ["predict", str(path), "--model", str(model), "--timeline", folder]
            command += ["--csv", str(path.with_suffix(".csv"))]
            seconds, most = watched(command, Path.cwd(), "RssAnon")
            speed = f"{frames / seconds:.1f} frames/s"
            print(f"{minutes} min: {seconds:.0f} s, {speed}, {most:.0f} MiB")
