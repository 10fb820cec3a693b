"""How much memory the stages take for 10,000, 35,000 and 300,000 faces: `python -m speed.memory`.

Run it with PYTHONPATH=tests. AffectNet trees in a temporary folder, their images a few hundred
pictures under many names. MiB are the highest anonymous memory of the command's processes together:
pages of mapped files, which the system takes back when it needs them, are not counted (Linux only).
Training is one epoch on 400 images, whatever the size, since it is the faces that grow. --sizes and
--stages choose; in a --folder that stays, a stage finds what an earlier call has made.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ruamel.yaml import YAML
from speed.trees import POLL, PROCESSES, affectnet, family, picture, scratch

SIZES = (10_000, 35_000, 300_000)
DISTINCT = 400
TRAINED = 400
STAGES = {
    "download": ("affectnet",),
    "relabel": ("affectnet",),
    "align": ("affectnet",),
    "split": ("affectnet",),
    "train": ("affectnet", "ours", "0"),
    "evaluate": ("affectnet", "ours", "0"),
}
RECIPE = {
    "backbone": "resnet10_quarter",
    "weights": "none",
    "stem": "small",
    "resize": 72,
    "crop": 64,
    "epochs": 1,
    "batch_size": 32,
    "unlabelled": "drop",
}


def linked(places: dict[Path, int], drawn: Path) -> None:
    """The images as links to a few files."""
    drawn.mkdir()
    files = [drawn / f"{number}.jpg" for number in range(DISTINCT)]
    for number, file in enumerate(files):
        file.write_bytes(picture(number, 128))
    for folder in {place.parent for place in places}:
        folder.mkdir(parents=True, exist_ok=True)
    for number, place in enumerate(places):
        os.link(files[number % DISTINCT], place)


def anonymous(process: int) -> int:
    """KiB of a process that no file holds."""
    with suppress(OSError):
        lines = PROCESSES.joinpath(str(process), "status").read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
    return 0


def measured(checkout: Path, stage: str) -> tuple[float, float]:
    """Seconds and MiB of a stage."""
    started, most = time.perf_counter(), 0
    command = [sys.executable, "-m", "pipeline", stage, *STAGES[stage]]
    running = subprocess.Popen(command, cwd=checkout, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        most = max(most, sum(map(anonymous, family(running.pid))))
        time.sleep(POLL)
    if running.returncode:
        sys.exit(f"{stage} failed")
    return time.perf_counter() - started, most / 1024


def prepared(folder: Path, images: int) -> Path:
    """A checkout of the code as it is now, with so many images; where they are there already, with
    those.
    """
    for name in ("clfer", "pipeline"):
        shutil.rmtree(folder / name, ignore_errors=True)
    checkout = scratch(folder)
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(checkout / "params.yaml")
    block = params["datasets"]["affectnet"]
    block["faces"] |= {"size": 48, "channels": 1}
    block["recipe"] = RECIPE | {"labelled_fraction": TRAINED / images}
    params["split"]["duplicates"] = "keep"
    yaml.dump(params, checkout / "params.yaml")
    if not (checkout / "drawn").exists():
        linked(affectnet(checkout / "data/external/affectnet", images), checkout / "drawn")
    return checkout


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--stages", nargs="+", default=list(STAGES), choices=STAGES)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    for images in asked.sizes:
        with TemporaryDirectory() as temporary:
            folder = (asked.folder or Path(temporary)) / str(images)
            folder.mkdir(parents=True, exist_ok=True)
            checkout = prepared(folder, images)
            for stage in asked.stages:
                seconds, memory = measured(checkout, stage)
                print(f"{images:8,} {stage:10} {seconds:8.1f} s {memory:7.0f} MiB", flush=True)
