"""How long the stages take on trees as large as real datasets: `python -m speed.trees`.

Run it with PYTHONPATH=tests. It draws a RAF-DB tree of 15,339 images and an AffectNet tree of
50,000 rows in a temporary folder, at half and at full size, and runs each stage as people do.
Seconds are of the whole command; MiB are the peaks of its processes added up (Linux only), an
upper bound. --stages and --datasets choose.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from closure import ROOT
from PIL import Image

STAGES = ("download", "relabel", "align", "split")
SIZES = {"raf_db": 15_339, "affectnet": 50_000}
POLL = 0.02  # seconds between looks at the processes' memory
PROCESSES = Path("/proc")


def picture(seed: int, side: int) -> bytes:
    """A JPEG of a few thousand bytes, unlike any other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def raf_db(folder: Path, images: int) -> dict[Path, int]:
    """RAF-DB's list, and the images to draw: where, and of which side."""
    train = round(images * 12_271 / 15_339)
    names = [f"train_{n + 1:05}" for n in range(train)]
    names += [f"test_{n + 1:04}" for n in range(images - train)]
    codes = np.random.default_rng(0).integers(1, 8, images)
    place = folder / "basic/EmoLabel/list_patition_label.txt"
    place.parent.mkdir(parents=True)
    place.write_text("".join(f"{n}.jpg {c}\n" for n, c in zip(names, codes, strict=True)))
    return {folder / f"basic/Image/aligned/{name}_aligned.jpg": 100 for name in names}


def affectnet(folder: Path, images: int) -> dict[Path, int]:
    """AffectNet's lists, and the images to draw."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    places = {}
    with (folder / "training.csv").open("w") as train, (folder / "validation.csv").open("w") as val:
        for number in range(images):
            name = f"{number % 500}/{number:032x}.jpg"
            points = face(random)
            marks = ";".join(f"{value:.2f}" for value in points.ravel())
            code = random.integers(0, 11)
            row = f"{name},10,10,100,100,{marks},{code},0.1,0.1\n"
            (val if number % 50 == 0 else train).write(row)
            places[folder / "Manually_Annotated_Images" / name] = 128
    return places


def face(random: np.random.Generator) -> np.ndarray:
    """68 points [68, 2] of which the eyes, the nose and the mouth lie like a face's."""
    points = random.uniform(10, 118, (68, 2))
    shift = random.uniform(-8, 8, 2)
    points[36:42], points[42:48] = (44, 52), (84, 52)
    points[30], points[48], points[54] = (64, 74), (48, 96), (80, 96)
    return points + shift


def drawn(places: dict[Path, int]) -> None:
    for folder in {place.parent for place in places}:
        folder.mkdir(parents=True, exist_ok=True)

    def draw(numbered: tuple[int, Path]) -> None:
        seed, place = numbered
        place.write_bytes(picture(seed, places[place]))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(draw, enumerate(places)))


def family(process: int) -> Iterator[int]:
    """A process and those that it started. Any of them may end meanwhile."""
    yield process
    with suppress(OSError):
        for task in list(PROCESSES.joinpath(str(process), "task").iterdir()):
            with suppress(OSError):
                for child in (task / "children").read_text().split():
                    yield from family(int(child))


def peak(process: int) -> int:
    """The highest memory of a process so far in KiB; see clfer.benchmark."""
    with suppress(OSError):
        lines = PROCESSES.joinpath(str(process), "status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
    return 0


def measured(checkout: Path, stage: str, dataset: str) -> tuple[float, float]:
    """Seconds and MiB of a stage."""
    started, peaks = time.perf_counter(), {}
    command = [sys.executable, "-m", "pipeline", stage, dataset]
    with (checkout / "output.txt").open("w+") as output:
        running = subprocess.Popen(command, cwd=checkout, stdout=output, stderr=output)
        while running.poll() is None:
            for number in family(running.pid):
                peaks[number] = max(peak(number), peaks.get(number, 0))
            time.sleep(POLL)
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if running.returncode:
        sys.exit(f"{stage} {dataset} failed: {said}")
    return seconds, sum(peaks.values()) / 1024


def scratch(folder: Path) -> Path:
    """A checkout of the code and the params."""
    for name in ("clfer", "pipeline"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "params.yaml", folder)
    return folder


TREES = {"raf_db": raf_db, "affectnet": affectnet}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    parser.add_argument("--datasets", nargs="+", default=list(SIZES), choices=SIZES)
    asked = parser.parse_args()
    print(f"{'dataset':10} {'images':>7} {'stage':10} {'seconds':>8} {'MiB':>7}")
    for dataset in asked.datasets:
        for images in (SIZES[dataset] // 2, SIZES[dataset]):
            with TemporaryDirectory() as temporary:
                checkout = scratch(Path(temporary))
                drawn(TREES[dataset](checkout / "data/external" / dataset, images))
                for stage in asked.stages:
                    seconds, memory = measured(checkout, stage, dataset)
                    print(
                        f"{dataset:10} {images:7,} {stage:10} {seconds:8.1f} {memory:7.0f}",
                        flush=True,
                    )
