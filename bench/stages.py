"""How long the stages take, and how much memory: `python -m bench.stages affectnet 10000 300000`.

It draws a tree of RAF-DB or AffectNet in a temporary folder, its images a few hundred pictures
under many names, and runs each stage as people do. Memory is the highest of the command's processes
added up (Linux only): in all, and anonymous, without the pages of mapped files, which the system
takes back when it needs them. Training is one epoch on 400 images, whatever the size. --stages
chooses; in a --folder that stays, a stage finds what an earlier call has made.
"""

import argparse
import io
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from ruamel.yaml import YAML

from bench.timing import watched

ROOT = Path(__file__).parents[1]
DISTINCT = TRAINED = 400
STAGES = ("download", "relabel", "align", "split", "train", "evaluate")
RECIPE = {"epochs": 1, "batch_size": 32, "unlabelled": "drop"}  # beside the demo's


def raf_db(folder: Path, images: int) -> list[Path]:
    """RAF-DB's list, and the images to draw."""
    train = round(images * 12_271 / 15_339)
    names = [f"train_{n + 1:05}" for n in range(train)]
    names += [f"test_{n + 1:04}" for n in range(images - train)]
    codes = np.random.default_rng(0).integers(1, 8, images)
    place = folder / "basic/EmoLabel/list_patition_label.txt"
    place.parent.mkdir(parents=True)
    place.write_text("".join(f"{n}.jpg {c}\n" for n, c in zip(names, codes, strict=True)))
    return [folder / f"basic/Image/aligned/{name}_aligned.jpg" for name in names]


def affectnet(folder: Path, images: int) -> list[Path]:
    """AffectNet's lists, and the images to draw."""
    random = np.random.default_rng(0)
    folder.mkdir(parents=True)
    names = [f"{number % 500}/{number:032x}.jpg" for number in range(images)]
    with (folder / "training.csv").open("w") as train, (folder / "validation.csv").open("w") as val:
        for number, name in enumerate(names):
            marks = ";".join(f"{value:.2f}" for value in landmarks(random).ravel())
            row = f"{name},10,10,100,100,{marks},{random.integers(0, 11)},0.1,0.1\n"
            (val if number % 50 == 0 else train).write(row)
    return [folder / "Manually_Annotated_Images" / name for name in names]


def landmarks(random: np.random.Generator) -> np.ndarray:
    """68 points [68, 2] of which the eyes, the nose and the mouth lie like a face's."""
    points = random.uniform(10, 118, (68, 2))
    points[36:42], points[42:48] = (44, 52), (84, 52)
    points[30], points[48], points[54] = (64, 74), (48, 96), (80, 96)
    return points + random.uniform(-8, 8, 2)


def picture(seed: int, side: int = 128) -> bytes:
    """A JPEG of a few thousand bytes, unlike any other."""
    coarse = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC).save(file, "JPEG")
    return file.getvalue()


def prepared(folder: Path, dataset: str, images: int) -> None:
    """A checkout of the code as it is now, and a tree of images unless it is there already."""
    for name in ("clfer", "pipeline"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(ROOT / "params.yaml")
    params["datasets"][dataset]["faces"] |= {"size": 48, "channels": 1}
    recipe = params["datasets"]["demo"]["recipe"] | RECIPE | {"labelled_fraction": TRAINED / images}
    params["datasets"][dataset]["recipe"] = recipe
    params["split"]["duplicates"] = "keep"
    yaml.dump(params, folder / "params.yaml")
    if not (drawn := folder / "drawn").exists():
        drawn.mkdir()
        for number in range(DISTINCT):
            (drawn / f"{number}.jpg").write_bytes(picture(number))
        tree = {"raf_db": raf_db, "affectnet": affectnet}[dataset]
        for number, place in enumerate(tree(folder / "data/external" / dataset, images)):
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(drawn / f"{number % DISTINCT}.jpg", place)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("dataset", choices=("raf_db", "affectnet"))
    parser.add_argument("images", type=int, nargs="+")
    parser.add_argument("--stages", nargs="+", default=STAGES, choices=STAGES)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    for images in asked.images:
        with TemporaryDirectory() as temporary:
            folder = (asked.folder or Path(temporary)) / str(images)
            folder.mkdir(parents=True, exist_ok=True)
            prepared(folder, asked.dataset, images)
            for stage in asked.stages:
                cell = ("ours", "0") if stage in ("train", "evaluate") else ()
                command = [stage, asked.dataset, *cell]
                seconds, whole, anonymous = watched(command, folder, "VmHWM", "RssAnon")
                memory = f"{whole:7.0f} MiB, {anonymous:6.0f} anonymous"
                print(f"{images:8,} {stage:10} {seconds:8.1f} s {memory}", flush=True)
