"""How soon `clfer predict` answers: `python -m bench.first_answer PHOTO --model MODEL.onnx`.

From the start of the process to its end, with the table printed, in seconds, and the most memory it
held: medians of RUNS. Then, on one core and with everything loaded, milliseconds for the photo, and
for one of its faces, cut out already: alone, and among BATCH. --detector as for the command.
"""

import argparse
import os
import statistics
from pathlib import Path

import numpy as np

from bench.timing import medians, watched
from clfer.inference.frames import read
from clfer.inference.predictor import Predictor

RUNS = 9
BATCH = 32

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", default="ferplus")
    parser.add_argument("--detector")
    asked = parser.parse_args()
    command = ["predict", str(asked.photo), "--model", asked.model]
    command += ["--detector", asked.detector] if asked.detector else []
    watched(command, Path.cwd(), "VmHWM")  # from the disk, once
    runs = [watched(command, Path.cwd(), "VmHWM") for _ in range(RUNS)]
    seconds, memory = map(statistics.median, zip(*runs, strict=True))
    print(f"first answer: {seconds:.2f} s, {memory:.0f} MiB")

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    predictor = Predictor(asked.model, detector=asked.detector)
    (engine,), picture = predictor.engines, read(asked.photo)
    cut = engine.card.cut
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (BATCH, cut.size, cut.size, cut.channels), dtype=np.uint8)
    taken = medians(
        {
            "photo": lambda: predictor.faces(picture),
            "face": lambda: engine(faces[:1]),
            "faces": lambda: engine(faces),
        }
    )
    found = len(predictor.faces(picture))
    print(f"then, on one core: {taken['photo']:.1f} ms for the photo and its faces, {found}")
    print(f"a face: {taken['face']:.2f} ms alone, {taken['faces'] / BATCH:.2f} ms among {BATCH}")
