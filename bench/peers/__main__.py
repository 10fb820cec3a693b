"""Packages that people install beside clfer on FERPlus's test faces.

`python -m bench.peers ENVIRONMENTS` makes an environment for each package, has each answer in
the way that is best on the validation faces, and keeps the answers in docs/results/peers.
`python -m bench.peers` makes the page again from these. Both read what `clfer fetch`, `align` and
`split` wrote of ferplus.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bench.peers import inside
from bench.peers.compare import FER2013, OURS, SHARED, accuracy, compare, page, shared
from clfer import __version__
from clfer.files import replacing, sha256, write_json, write_text
from clfer.inference.models import SHIPPED

KEPT, DATA = Path("docs/results/peers"), Path("data")
PACKAGES = {  # versions, and the pins that their age needs
    OURS: (__version__,),
    "fer": ("25.10.3", "setuptools<81"),
    "what-the-face-classification": ("0.0.27", "setuptools<81", "opencv-python<5"),
    "facial-emotion-recognition": ("0.3.4", "torch<2.6", "opencv-python<5"),
    "facex": ("1.1.0", "opencv-contrib-python<5"),
}


def rows_of(part: str) -> pl.DataFrame:
    return pl.read_parquet(DATA / "splits/ferplus.parquet").filter(pl.col("split") == part)


def ask(name: str, folder: Path) -> dict[str, Any]:
    """Keeps a package's answers to the test faces in its best way, and says how it was asked.

    Its environment is made where it is missing; ours is the one that this runs in.
    """
    place, (version, *pins) = folder / name, PACKAGES[name]
    if name == OURS:
        place = Path(sys.prefix)
    elif not (place / "made").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
        pip = [place / "bin/python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"{name}=={version}", *pins], check=True)
        (place / "made").touch()

    def answers(rows: pl.DataFrame, *ways: str) -> dict[str, np.ndarray]:
        crops, target = folder / "crops.npy", folder / "answers.npz"
        faces = np.load(DATA / "faces/ferplus.npy", mmap_mode="r")
        np.save(crops, faces[rows["face"], ..., 0])
        command = [place / "bin/python", inside.__file__, name, crops, target, *ways]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with np.load(target) as arrays:
            given = {way: shared(arrays[way], arrays["classes"].tolist()) for way in ways}
            return given | {"milliseconds": arrays["milliseconds"]}

    rows, ways = rows_of("val"), inside.WAYS[-1:] if name == OURS else inside.WAYS
    found = answers(rows, *ways)
    val = {way: accuracy(found[way], rows["label"]) for way in ways}
    best = max(ways, key=lambda way: val[way]["accuracy"])
    rows = rows_of("test")
    found = answers(rows, best)
    with replacing(KEPT / f"{name}.npz") as path:
        kept = {"row": rows["row"], "probability": found[best], "classes": SHARED}
        np.savez_compressed(path, **kept)
    size = sum(one.lstat().st_size for one in place.rglob("*")) if name != OURS else 0
    about = {"installed": PACKAGES[name], "megabytes": round(size / 1e6), "way": best, "val": val}
    return about | {"milliseconds": round(found["milliseconds"].item(), 2)}


def main() -> None:
    if sys.argv[1:]:
        folder, (model,) = Path(sys.argv[1]).absolute(), SHIPPED.values()
        folder.mkdir(parents=True, exist_ok=True)
        packages = {name: ask(name, folder) for name in PACKAGES}
        about = {"model": model.name, "sha256": sha256(model), "packages": packages}
        write_json(KEPT / "about.json", about)
    document = json.loads((KEPT / "about.json").read_text())
    test, given = rows_of("test"), {}
    with np.load(DATA / "raw/ferplus/fer2013.npz") as arrays:
        fer2013 = pl.Series([FER2013[code] for code in arrays["emotion"][test["row"]]])
    for name, package in document["packages"].items():
        with np.load(KEPT / f"{name}.npz") as arrays:
            assert (arrays["row"] == test["row"].to_numpy()).all(), name
            given[name] = arrays["probability"]
        package["fer2013"] = accuracy(given[name], fer2013)
    counted = test["label"].is_in(SHARED)
    document |= {
        "images": len(test),
        "val_images": rows_of("val")["label"].is_in(SHARED).sum(),
        "fer2013_agrees": (test["label"].cast(pl.String) == fer2013).filter(counted).mean(),
        "scores": compare(test, given),
        "command": "python -m bench.peers ENVIRONMENTS",
    }
    write_json(KEPT.with_name("peers.json"), document)
    write_text(KEPT.with_name("peers.md"), page(document))
    print(page(document))


if __name__ == "__main__":
    main()
