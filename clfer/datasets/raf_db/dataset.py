"""RAF-DB, the basic expressions (Li, Deng & Du 2017), as its authors hand it out.

The files and their formats are those of the readme that comes with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from clfer.datasets import labels as columns
from clfer.datasets.expressions import RAF_DB
from clfer.datasets.raf_db import annotations
from clfer.datasets.tree import index, lists, published
from clfer.datasets.tree.fetching import Source as Source
from clfer.datasets.tree.fetching import Wanted
from clfer.datasets.tree.fetching import fetch as fetch_tree
from clfer.datasets.tree.names import key, stem
from clfer.datasets.tree.pictures import pictures as pictures
from clfer.datasets.tree.rows import attached, keyed, settled
from clfer.errors import InputError
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"train": "train", "test": "test"}
PUBLISHED = [(12_271, 3_068)]
LISTS = ("list_patition_label.txt", "list_partition_label.txt")  # the first is how it is handed out
ALIGNED = "_aligned"


class Labels(Settings):
    """Which of the two pictures of each face: aligned to 100 x 100, or as found."""

    images: Literal["aligned", "original"]


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images and copy the labels of RAF-DB from where the user put it; see `tree`."""
    return fetch_tree(source, base, raw, track, WANTED)


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
    files, again = keyed(chosen, _face)
    rows, repeated = settled(_listed(raw))
    rows, absent = attached(rows, files)
    if labels.images == "original":
        rows = rows.join(annotations.read(raw), on="key", how="left", maintain_order="left")
    table = columns.table(rows, RAF_DB)
    return table, [
        *repeated,
        *absent,
        *again,
        *published.remarks(table, SPLITS, PUBLISHED),
    ]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these labels has to be called by."""
    return published.protocol(f"RAF-DB, {labels.images} images", table, SPLITS, PUBLISHED)


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


def _is_basic(path: str) -> bool:
    """Whether it belongs to the basic expressions: the compound ones come in the same names."""
    return "compound" not in key(path).split("/")


def _is_list(path: str) -> bool:
    return _is_basic(path) and key(path).rpartition("/")[2] in LISTS


def _is_aligned(path: str) -> bool:
    *folders, _ = key(path).split("/")
    return key(stem(path)).endswith(ALIGNED) or "aligned" in folders


def _face(path: str) -> str | None:
    """The name that both pictures of a face share; None where it is none of RAF-DB's."""
    name = key(stem(path)).removesuffix(ALIGNED)
    return name if name.partition("_")[0] in SPLITS else None


def _check(images: Sequence[str], labels: Sequence[str]) -> None:
    if not any(_is_list(path) for path in labels):
        raise LookupError(f"{len(images):,} images but no {LISTS[0]}")
    if not any(_is_basic(path) and _face(path) for path in images):
        raise LookupError(f"{len(images):,} images, none called train_... or test_...")


WANTED = Wanted(
    name="RAF-DB",
    layout=(
        "basic/EmoLabel/list_patition_label.txt and basic/Image/aligned/train_00001_aligned.jpg "
        "and so on (or basic/Image/original/train_00001.jpg), also in zips"
    ),
    request="request it at http://www.whdeng.cn/RAF/model1.html and put it there",
    is_list=_is_list,
    is_note=annotations.is_note,
    check=_check,
)
