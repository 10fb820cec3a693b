"""RAF-DB, the basic expressions (Li, Deng & Du 2017), as its authors hand it out.

The files and their formats are those of the readme that comes with it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import polars as pl

from clfer.datasets import images, labels, source
from clfer.datasets.expressions import RAF_DB
from clfer.datasets.images import key
from clfer.datasets.images import pictures as pictures
from clfer.datasets.labels import BOX, LANDMARKS, coordinates
from clfer.datasets.source import Source as Source
from clfer.errors import InputError
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"train": "train", "test": "test"}
PUBLISHED = [(12_271, 3_068)]
LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # the first is how it is handed out
ROW = "an image's name and a label"
CODES = {str(code): name for code, name in enumerate(RAF_DB, start=1)}
ALIGNED = "_aligned"
# Text files about an original image.
POINTS = "_manu_attri"  # five lines of x and y: eyes, nose, mouth; then gender, race and age
BOXES = "_boundingbox"  # left, top, right, bottom
# who is shown, by the codes of the readme
PEOPLE = {
    "gender": ("male", "female", "unsure"),
    "race": ("Caucasian", "African-American", "Asian"),
    "age": ("0 to 3", "4 to 19", "20 to 39", "40 to 69", "70 and above"),
}
ANNOTATIONS = {"key": pl.String(), "landmarks": LANDMARKS, "box": BOX}


class Labels(Settings):
    """Which of the two pictures of each face: aligned to 100 x 100, or as found."""

    images: Literal["aligned", "original"]


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of labels in the order of the list, and what is missing, for people.

    With `original`, landmarks and boxes are those of the annotations, null without.
    """
    paths = [path for path in images.indexed(raw) if _is_basic(path)]
    files = [
        (_face(path), path) for path in paths if _is_aligned(path) == (chosen.images == "aligned")
    ]
    if not files:
        other = "original" if chosen.images == "aligned" else "aligned"
        raise InputError(
            f"datasets.raf_db.labels.images: expected {chosen.images} images in "
            f"{images.folder_of(raw)}, found {len(paths):,} that are {other}; set it to {other} or "
            f"put basic/Image/{chosen.images} there and download again"
        )
    rows, remarks = labels.matched(_listed(raw), files)
    if chosen.images == "original":
        rows = rows.join(_annotations(raw), on="key", how="left", maintain_order="left")
    table = labels.table(rows, RAF_DB)
    return table, [*remarks, *labels.shortfall(table, SPLITS, PUBLISHED)]


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    return labels.copy_named(f"RAF-DB, {chosen.images} images", table, SPLITS, PUBLISHED)


def people(raw: Path, table: pl.DataFrame) -> pl.DataFrame:
    """`row`, and of each image of a table of labels the gender, race and age of its annotation,
    null where it has none.
    """
    found: dict[str, list[str | None]] = {}
    for path, content in source.notes(raw):
        name, words = key(PurePosixPath(path).stem), content.decode("utf-8", "replace").split()
        if name.endswith(POINTS):
            codes = [*words[10:13], *[""] * len(PEOPLE)]
            found[name.removesuffix(POINTS)] = [
                dict(enumerate(groups)).get(int(code)) if code.isdecimal() else None
                for code, groups in zip(codes, PEOPLE.values(), strict=False)
            ]
    rows = [
        [row, *found.get(_face(name or "") or "", [None] * len(PEOPLE))]
        for row, name in table.select("row", "name").iter_rows()
    ]
    return pl.DataFrame(rows, {"row": pl.Int64, **dict.fromkeys(PEOPLE, pl.String)}, orient="row")


def _listed(raw: Path) -> pl.DataFrame:
    """The list's rows: `usage`, `key`, `label`, `shown`."""
    path = source.one_list(raw, *LISTS)
    assert path is not None  # by `fetch`
    rows = []
    for line, text in source.lines(raw, path):
        wrong = partial(source.wrong, raw, path, line=line)
        if len(cells := text.split()) != 2:
            raise wrong(ROW, repr(text[:80]))
        name, code = cells
        if code not in CODES:
            raise wrong("a label 1 to 7", repr(code[:20]))
        if (face := _face(name)) is None:
            raise wrong("a name train_... or test_...", repr(name[:80]))
        rows.append((face.partition("_")[0], face, CODES[code], name))
    if not rows:
        raise source.wrong(raw, path, ROW, "an empty list", 1)
    return pl.DataFrame(rows, ["usage", "key", "label", "shown"], orient="row")


def _annotations(raw: Path) -> pl.DataFrame:
    """`key` (train_00001), `landmarks` and `box` as `clfer.datasets.labels` has them, null without.

    InputError names a file that holds something else.
    """
    points: dict[str, list[float]] = {}
    boxes: dict[str, list[float]] = {}
    for path, content in source.notes(raw):
        name, words = key(PurePosixPath(path).stem), content.decode("utf-8", "replace").split()
        wrong = partial(source.wrong, raw, path)
        if name.endswith(POINTS):
            numbers = coordinates(words[:10])
            if len(numbers) != 10:
                raise wrong("five lines of x and y", f"{len(numbers)} numbers at its start")
            points[name.removesuffix(POINTS)] = labels.ordered(np.reshape(numbers, (5, 2)))
        else:
            box = coordinates(words)
            if len(box) != 4 or box[2] <= box[0] or box[3] <= box[1]:
                found = repr(" ".join(words)[:80])
                raise wrong("left, top, right and bottom of a box", found)
            boxes[name.removesuffix(BOXES)] = [*box[:2], box[2] - box[0], box[3] - box[1]]
    rows = [(name, points.get(name), boxes.get(name)) for name in sorted({*points, *boxes})]
    return pl.DataFrame(rows, ANNOTATIONS, orient="row")


def _is_basic(path: str) -> bool:
    """Whether it belongs to the basic expressions: the compound ones come in the same names."""
    return "compound" not in key(path).split("/")


def _is_list(path: str) -> bool:
    return _is_basic(path) and key(path).rpartition("/")[2] in LISTS


def _is_note(path: str) -> bool:
    return _is_basic(path) and key(path).endswith((f"{POINTS}.txt", f"{BOXES}.txt"))


def _is_aligned(path: str) -> bool:
    return key(PurePosixPath(path).stem).endswith(ALIGNED) or "aligned" in key(path).split("/")[:-1]


def _face(path: str) -> str | None:
    """The name that both pictures of a face share; None where it is none of RAF-DB's."""
    name = key(PurePosixPath(path).stem).removesuffix(ALIGNED)
    return name if name.partition("_")[0] in SPLITS else None


def _lacking(paths: Sequence[str], lists: Sequence[str]) -> str | None:
    if not any(map(_is_list, lists)):
        return f"{len(paths):,} images but no {LISTS[0]}"
    if not any(_is_basic(path) and _face(path) for path in paths):
        return f"{len(paths):,} images, none called train_... or test_..."
    return None


WANTED = source.Wanted(
    name="RAF-DB",
    layout=(
        "basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/train_00001_aligned.jpg "
        "and so on (or basic/Image/original/train_00001.jpg), also in archives"
    ),
    request="request it at http://www.whdeng.cn/RAF/model1.html and put it there",
    lacking=_lacking,
    is_list=_is_list,
    is_note=_is_note,
)
fetch = partial(source.fetch, WANTED)
