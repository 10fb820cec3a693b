"""What dividing a prediction costs: `python -m bench.shards FOLDER --pictures 100000 --videos 200`.

Draws people of the demo into FOLDER/in, a few hundred pictures and ten short films under many
names, and lets `clfer predict` find faces in them: a tenth of the pictures, all of it in one run,
and all of it in --shards shards, two at a time, of which the second is killed and said again.
Prints seconds and the highest memory (VmHWM) of each, and whether the joined table is that of the
one run. Linux only.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import av
import numpy as np
import polars as pl
from PIL import Image

from bench.timing import watched
from clfer.datasets.demo.drawing import face
from clfer.datasets.expressions import FERPLUS

DISTINCT, FILMS, FRAMES, SIDE = 400, 10, 20, 144


def person(seed: int) -> Image.Image:
    drawn = face(np.random.default_rng(seed), FERPLUS[seed % len(FERPLUS)], 1.0)
    return Image.fromarray(drawn.image).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def film(path: Path, seed: int) -> None:
    """Two seconds of a person."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=FRAMES // 2)
        stream.width = stream.height = SIDE
        picture = av.VideoFrame.from_image(person(seed).convert("RGB"))
        for _ in range(FRAMES):
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def drawn(folder: Path, pictures: int, videos: int) -> None:
    """The files, unless they are there."""
    kept = folder.with_name("drawn")
    if folder.exists():
        return
    kept.mkdir(parents=True, exist_ok=True)
    for seed in range(DISTINCT):
        person(seed).save(kept / f"{seed}.jpg")
    for seed in range(FILMS):
        film(kept / f"{seed}.mp4", seed)
    for number in range(pictures + videos):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        picture = number < pictures
        source = kept / (f"{number % DISTINCT}.jpg" if picture else f"{number % FILMS}.mp4")
        os.link(source, place / f"{number}{source.suffix}")


def killed(command: list[str], after: float) -> None:
    running = subprocess.Popen([sys.executable, "-m", "pipeline", *command])
    time.sleep(after)
    running.kill()
    running.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--videos", type=int, default=200)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--kill-after", type=float, default=20.0, metavar="SECONDS")
    asked = parser.parse_args()
    tenth, whole = asked.folder / "tenth", asked.folder / "in"
    drawn(tenth, asked.pictures // 10, asked.videos // 10)
    drawn(whole, asked.pictures, asked.videos)
    here = Path.cwd()

    def run(name: str, *words: str) -> float:
        command = ["predict", *words]
        seconds, memory = watched(command, here, "VmHWM")
        print(f"{name:12} {seconds:8.1f} s {memory:7.0f} MiB", flush=True)
        return seconds

    one, parts = asked.folder / "one.parquet", str(asked.folder / "parts")
    run("a tenth", str(tenth), "--parquet", str(one))
    alone = run("one run", str(whole), "--parquet", str(one))
    shard = [f"{number}/{asked.shards}" for number in range(1, asked.shards + 1)]
    started = time.perf_counter()
    killed(["predict", str(whole), "--shard", shard[1], "--to", parts], asked.kill_after)
    print(f"{shard[1]} killed after {asked.kill_after:g} s", flush=True)
    with ThreadPoolExecutor(2) as both:
        each = [
            both.submit(partial(run, part, str(whole), "--shard", part, "--to", parts))
            for part in shard
        ]
    run("  joined", str(whole), "--to", parts)
    together = time.perf_counter() - started - asked.kill_after
    same = pl.read_parquet(one).equals(pl.read_parquet(asked.folder / "parts/faces.parquet"))
    print(
        f"in shards {together:.1f} s, {together / alone:.2f} times one run's {alone:.1f}; "
        f"{sum(part.result() for part in each):.0f} s added up; "
        f"{'the same table' if same else 'ANOTHER TABLE'}"
    )


if __name__ == "__main__":
    main()
