"""What `clfer predict` takes: `python -m speed.inference MODEL PHOTO`, with PYTHONPATH=tests.

5,000 face crops in one call and one by one, in images a second; and videos of 2, 5 and 10 minutes
(320 x 240 px, 10 frames a second, the photo moving through the picture): seconds, frames a second,
and the highest anonymous memory of the command. The detector is that of CLFER_DETECTOR, or
insightface's.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from speed.memory import anonymous
from speed.trees import POLL, family

from clfer.inference import output
from clfer.inference.frames import Frame, read
from clfer.inference.predictor import Predictor

CROPS = 5000
MINUTES = (2, 5, 10)
RATE, HEIGHT, WIDTH = 10, 240, 320


def crops(model):
    """Images a second: in a stream, and one call each."""
    predictor = Predictor(model, detect=False)
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (CROPS, 48, 48), dtype=np.uint8)
    list(predictor.stream(Frame("", lambda: faces[0]) for _ in range(300)))
    start = time.perf_counter()
    seen = list(predictor.stream(Frame("", lambda one=one: one) for one in faces))
    streamed = time.perf_counter() - start
    start = time.perf_counter()
    alone = [predictor.faces(one) for one in faces]
    single = time.perf_counter() - start
    assert [one.faces[0].label for one in seen] == [one[0].label for one in alone]
    return CROPS / streamed, CROPS / single


def film(photo, minutes, path):
    """The photo, twice as large as the picture is high, seen through a window that moves."""
    pixels = read(photo)
    scale = 1.5 * HEIGHT / pixels.shape[0]
    large = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    large = cv2.copyMakeBorder(large, 0, 0, WIDTH, WIDTH, cv2.BORDER_REPLICATE)
    down, across = large.shape[0] - HEIGHT, large.shape[1] - WIDTH
    with output.film(path, RATE) as add:
        for number in range(60 * RATE * minutes):
            top = int(down * (0.5 + 0.5 * np.sin(number / 41)))
            left = int(across * (0.5 + 0.5 * np.sin(number / 67)))
            add(np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH]))


def watched(model, path):
    """Seconds and MiB of the command."""
    command = [sys.executable, "-m", "pipeline", "predict", str(path), "--model", str(model)]
    outs = ["--csv", str(path.with_suffix(".csv")), "--timeline", str(path.parent)]
    started, most = time.perf_counter(), 0
    running = subprocess.Popen([*command, *outs], stdout=subprocess.DEVNULL)
    while running.poll() is None:
        most = max(most, sum(map(anonymous, family(running.pid))))
        time.sleep(POLL)
    if running.returncode:
        sys.exit("predict failed")
    return time.perf_counter() - started, most / 1024


if __name__ == "__main__":
    model, photo = map(Path, sys.argv[1:])
    together, single = crops(model)
    print(f"{CROPS:,} crops: {together:.0f} images/s, one by one {single:.0f}")
    with TemporaryDirectory() as folder:
        for minutes in MINUTES:
            path = Path(folder) / f"{minutes}.mp4"
            film(photo, minutes, path)
            seconds, most = watched(model, path)
            frames = 60 * RATE * minutes
            print(
                f"{minutes} min: {seconds:.0f} s, {frames / seconds:.1f} frames/s, {most:.0f} MiB"
            )
