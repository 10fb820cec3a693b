"""RAF-DB, the basic expressions (Li, Deng & Du 2017), as its authors hand it out.

The files and their formats are those of the readme that comes with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from clfer.datasets import images, index, lists
from clfer.datasets import labels as columns
from clfer.datasets import rows as joined
from clfer.datasets.expressions import RAF_DB
from clfer.datasets.images import Source as Source
from clfer.datasets.images import Wanted
from clfer.datasets.images import pictures as pictures
from clfer.datasets.labels import BOX, LANDMARKS
from clfer.datasets.landmarks import is_place, ordered
from clfer.datasets.listing import key, stem
from clfer.errors import InputError
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"train": "train", "test": "test"}
PUBLISHED = [(12_271, 3_068)]
LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # the first is how it is handed out
ALIGNED = "_aligned"
# Text files about an original image.
POINTS = "_manu_attri"  # five lines of x and y: eyes, nose, mouth; then gender, race and age
BOXES = "_boundingbox"  # left, top, right, bottom
ANNOTATIONS = {"key": pl.String(), "landmarks": LANDMARKS, "box": BOX}


class Labels(Settings):
    """Which of the two pictures of each face: aligned to 100 x 100, or as found."""

    images: Literal["aligned", "original"]


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images and copy the labels of RAF-DB from where the user put it."""
    return images.fetch(source, base, raw, track, WANTED)


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of labels in the order of the list, and what is missing, for people.

    With `original`, landmarks and boxes are those of the annotations, null without.
    """
    paths = [path for path in index.paths(raw) if _is_basic(path)]
    chosen = [path for path in paths if _is_aligned(path) == (labels.images == "aligned")]
    if not chosen:
        other = "original" if labels.images == "aligned" else "aligned"
        raise InputError(
            f"datasets.raf_db.labels.images: expected {labels.images} images in "
            f"{index.folder(raw)}, found {len(paths):,} that are {other}; set it to {other} or "
            f"put basic/Image/{labels.images} there and download again"
        )
    files, again = joined.keyed(chosen, _face)
    rows, repeated = joined.settled(_listed(raw))
    rows, absent = joined.attached(rows, files)
    if labels.images == "original":
        rows = rows.join(_annotations(raw), on="key", how="left", maintain_order="left")
    table = columns.table(rows, RAF_DB)
    return table, [
        *repeated,
        *absent,
        *again,
        *joined.shortfall(table, SPLITS, PUBLISHED),
    ]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these labels has to be called by."""
    return joined.protocol(f"RAF-DB, {labels.images} images", table, SPLITS, PUBLISHED)


def _listed(raw: Path) -> pl.DataFrame:
    """The list's rows: `usage`, `key`, `label`, `shown`."""
    path = lists.one(raw, *LISTS)
    assert path is not None  # by `fetch`
    rows = []
    for line, text in lists.lines(raw, path):
        cells = text.split()
        if len(cells) != 2:
            raise lists.wrong(raw, path, line, "an image's name and a label", repr(text[:80]))
        name, code = cells
        if not (code.isascii() and code.isdigit() and len(code) < 3 and 1 <= int(code) <= 7):
            raise lists.wrong(raw, path, line, "a label 1 to 7", repr(code[:20]))
        face = key(stem(name)).removesuffix(ALIGNED)
        usage = face.partition("_")[0]
        if usage not in SPLITS:
            raise lists.wrong(raw, path, line, "a name train_... or test_...", repr(name[:80]))
        rows.append((usage, face, RAF_DB[int(code) - 1], name))
    if not rows:
        raise lists.wrong(raw, path, 1, "an image's name and a label", "an empty list")
    return pl.DataFrame(rows, ["usage", "key", "label", "shown"], orient="row")


def _annotations(raw: Path) -> pl.DataFrame:
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
    return pl.DataFrame(rows, ANNOTATIONS, orient="row")


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


def _is_basic(path: str) -> bool:
    """Whether it belongs to the basic expressions: the compound ones come in the same names."""
    return "compound" not in key(path).split("/")


def _is_list(path: str) -> bool:
    return _is_basic(path) and key(path).rpartition("/")[2] in LISTS


def _is_note(path: str) -> bool:
    name = key(path)
    return _is_basic(path) and name.endswith((f"{POINTS}.txt", f"{BOXES}.txt"))


def _is_aligned(path: str) -> bool:
    *folders, _ = key(path).split("/")
    return key(stem(path)).endswith(ALIGNED) or "aligned" in folders


def _face(path: str) -> str | None:
    """The name that both pictures of a face share; None where it is none of RAF-DB's."""
    name = key(stem(path)).removesuffix(ALIGNED)
    return name if name.partition("_")[0] in SPLITS else None


def _check(paths: Sequence[str], labels: Sequence[str]) -> None:
    if not any(_is_list(path) for path in labels):
        raise LookupError(f"{len(paths):,} images but no {LISTS[0]}")
    if not any(_is_basic(path) and _face(path) for path in paths):
        raise LookupError(f"{len(paths):,} images, none called train_... or test_...")


WANTED = Wanted(
    name="RAF-DB",
    layout=(
        "basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/train_00001_aligned.jpg "
        "and so on (or basic/Image/original/train_00001.jpg), also in archives"
    ),
    request="request it at http://www.whdeng.cn/RAF/model1.html and put it there",
    check=_check,
    is_list=_is_list,
    is_note=_is_note,
)
