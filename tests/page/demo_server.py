"""`clfer demo` in a process of its own, and what there is to show it."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from checkouts import ROOT
from variants import CUT, OURS, small

from clfer.datasets.demo.drawing import face
from clfer.faces.preprocessing import View
from clfer.model.bundle import save
from clfer.model.card import card

CLASSES = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
PROVENANCE = {"dataset": "demo", "variant": "ours", "seed": 0, "accuracy": {"val": 0.71}}
COMMAND = """
import signal
import sys

signal.signal(signal.SIGINT, signal.default_int_handler)  # a runner may have it ignored
{before}
from pipeline.app import main

main()
"""


def model(path):
    """An untrained network, as trained on drawn faces."""
    network, _ = small(OURS)
    made = card(
        CLASSES, "resnet10_quarter", "small", OURS, CUT, View(resize=72, crop=64), PROVENANCE
    )
    save(network.state_dict(), made, path)
    return path


def drawn(*seeds):
    """Drawn faces beside each other, each 260 pixels wide, grey."""
    faces = [face(np.random.default_rng(seed), "happiness", 1.0).image for seed in seeds]
    large = [cv2.resize(one, (200, 200), interpolation=cv2.INTER_CUBIC) for one in faces]
    framed = [np.pad(one, ((60, 60), (30, 30)), constant_values=200) for one in large]
    return np.concatenate(framed, axis=1)


def command(*words, folder=None, before="", **environment):
    """The process of `clfer demo` with these words; before: what is run first in it."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(before=before), "demo", "--no-open", *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Served:
    """A demo that is served until `end`; `address` is where."""

    def __init__(self, *words, **options):
        self.process = command("--port", "0", *words, **options)
        line = self.process.stdout.readline()
        found = re.match(r"page: (http://\S+:(\d+)) \(Ctrl-C ends it\)", line)
        assert found, (line, self.process.kill(), self.process.stderr.read())
        self.address, self.port = found[1], int(found[2])

    def end(self, how=signal.SIGTERM):
        """The status it ends with, and what it said on standard error."""
        self.process.send_signal(how)
        try:
            said = self.process.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        return self.process.returncode, said


def video(path: Path, picture, frames=20):
    """A film of one grey picture for Chromium's fake camera, uncompressed."""
    picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    height, width = picture.shape
    grey = bytes([128]) * (height * width // 2)
    header = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(header + frames * (b"FRAME\n" + picture.tobytes() + grey))
    return path


def until(true, seconds=30.0):
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
