"""RAF-DB's landmarks and boxes, a text file for each original image."""

from pathlib import Path

import polars as pl

from clfer.datasets.labels import BOX, LANDMARKS
from clfer.datasets.tree import lists
from clfer.datasets.tree.landmarks import is_place, ordered
from clfer.datasets.tree.names import key, stem

POINTS = "_manu_attri"  # five lines of x and y: eyes, nose, mouth; then gender, race and age
BOXES = "_boundingbox"  # left, top, right, bottom
SCHEMA = {"key": pl.String(), "landmarks": LANDMARKS, "box": BOX}


def is_note(path: str) -> bool:
    """Whether this is one of them, of the basic expressions."""
    name = key(path)
    return name.endswith((f"{POINTS}.txt", f"{BOXES}.txt")) and "compound" not in name.split("/")


def read(raw: Path) -> pl.DataFrame:
    """`key` (train_00001), `landmarks` and `box` as `clfer.datasets.labels` has them, null without.

    InputError names a file that holds something else.
    """
    landmarks: dict[str, list[float]] = {}
    boxes: dict[str, list[float]] = {}
    for path, content in lists.notes(raw):
        name = key(stem(path))
        words = content.decode("utf-8", "replace").split()
        if name.endswith(POINTS):
            landmarks[name.removesuffix(POINTS)] = _points(raw, path, words)
        else:
            boxes[name.removesuffix(BOXES)] = _box(raw, path, words)
    names = sorted({*landmarks, *boxes})
    rows = [(name, landmarks.get(name), boxes.get(name)) for name in names]
    return pl.DataFrame(rows, SCHEMA, orient="row")


def _points(raw: Path, path: str, words: list[str]) -> list[float]:
    numbers = _numbers(words[:10])
    if len(numbers) != 10:
        found = f"{len(numbers)} numbers at its start"
        raise lists.broken(raw, path, "five lines of x and y", found)
    left, right, nose, *corners = zip(numbers[::2], numbers[1::2], strict=True)
    return ordered([left, right], nose, corners)


def _box(raw: Path, path: str, words: list[str]) -> list[float]:
    numbers = _numbers(words)
    if len(numbers) != 4 or numbers[2] <= numbers[0] or numbers[3] <= numbers[1]:
        found = repr(" ".join(words)[:80])
        raise lists.broken(raw, path, "left, top, right and bottom of a box", found)
    left, top, right, bottom = numbers
    return [left, top, right - left, bottom - top]


def _numbers(words: list[str]) -> list[float]:
    """The coordinates before the first word that is none."""
    found = []
    for word in words:
        try:
            number = float(word)
        except ValueError:
            break
        if not is_place(number):
            break
        found.append(number)
    return found
