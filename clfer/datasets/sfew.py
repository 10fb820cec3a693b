"""SFEW 2.0 (Dhall et al.): frames of films in a folder for each expression.

Its test images have no public labels; the field trains on Train and tests on Val.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from clfer.datasets import index
from clfer.datasets import labels as columns
from clfer.datasets import rows as joined
from clfer.datasets.expressions import SFEW, canonical
from clfer.datasets.images import Source as Source
from clfer.datasets.images import Wanted, missing
from clfer.datasets.images import fetch as fetch_images
from clfer.datasets.images import pictures as pictures
from clfer.datasets.listing import folders, key, remark
from clfer.errors import InputError
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"Train": "train", "Val": "test"}
PUBLISHED = [(958, 436)]  # of whole frames; the face was not found in all of them
UNLABELLED = "Test"
NEWER = "_new"


class Labels(Settings):
    """Nothing to choose: the aligned faces are taken where there are any."""


class Image(NamedTuple):
    path: str
    usage: str
    label: str
    aligned: bool
    newer: bool


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images of SFEW where the user put it."""
    return fetch_images(source, base, raw, track, WANTED)


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, sorted by path, and what was left out, for people.

    A split's aligned faces are taken where it has some, of these the newer ones (`_new`).
    """
    images, elsewhere = _arranged(index.paths(raw))
    taken: list[Image] = []
    remarks = remark("images in no folder of an expression, left out", elsewhere)
    for usage in SPLITS:
        here = [image for image in images if image.usage == usage]
        if not here:
            raise missing(WANTED, index.folder(raw), f"no labelled image in {usage}")
        faces = [image for image in here if image.aligned] or here
        newer = [image for image in faces if image.newer] or faces
        taken += newer
        remarks += remark(f"{usage}: unaligned images, left out", _without(here, faces))
        remarks += remark(f"{usage}: faces not in {NEWER}, left out", _without(faces, newer))
    _check_alike(raw, taken)
    taken.sort()
    rows = {
        "name": [image.path for image in taken],
        "usage": [image.usage for image in taken],
        "label": [image.label for image in taken],
    }
    table = columns.table(pl.DataFrame(rows), SFEW)
    absent = [name for name in SFEW if name not in set(rows["label"])]
    return table, [
        *remarks,
        *remark("classes without an image", absent),
        *joined.shortfall(table, SPLITS, PUBLISHED),
    ]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these labels has to be called by, the number of images with it."""
    aligned = any(_is_aligned(path) for path in table["name"])
    name = f"SFEW 2.0, {'aligned faces' if aligned else 'whole frames'}, tested on Val"
    found = joined.difference(table, SPLITS, PUBLISHED)
    return f"{name}: {found}" if found else name


def _arranged(paths: Sequence[str]) -> tuple[list[Image], list[str]]:
    """The labelled images, and those that lie elsewhere."""
    images, elsewhere = [], []
    for path in paths:
        usage, label = _usage(path), canonical(_folders(path)[-1]) if _folders(path) else None
        if usage in SPLITS and label in SFEW:
            newer = any(part.endswith(NEWER) for part in _folders(path))
            images.append(Image(path, usage, label, _is_aligned(path), newer))
        elif usage != UNLABELLED:
            elsewhere.append(path)
    return images, elsewhere


def _folders(path: str) -> list[str]:
    return [key(part) for part in folders(path)]


def _usage(path: str) -> str | None:
    """What the innermost folder that says so says: Train, Val or Test."""
    for part in reversed(_folders(path)):
        for usage in (*SPLITS, UNLABELLED):
            if part == usage.lower() or part.startswith(f"{usage.lower()}_"):
                return usage
    return None


def _is_aligned(path: str) -> bool:
    return any("aligned" in part for part in _folders(path))


def _without(images: Sequence[Image], taken: Sequence[Image]) -> list[str]:
    left = set(images).difference(taken)
    return [image.path for image in images if image in left]


def _check_alike(raw: Path, taken: Sequence[Image]) -> None:
    """InputError where faces of one split would meet whole frames of the other."""
    for image in taken:
        if image.aligned != taken[0].aligned:
            whole = image if taken[0].aligned else taken[0]
            raise InputError(
                f"{index.folder(raw)}: expected aligned faces in Train and in Val, found only "
                f"whole frames in {whole.usage} ({whole.path}); put {whole.usage}/{whole.usage}"
                "_Aligned_Faces there and download again"
            )


def _check(images: Sequence[str], labels: Sequence[str]) -> None:
    there = {image.usage for image in _arranged(images)[0]}
    if lacking := [usage for usage in SPLITS if usage not in there]:
        raise LookupError(
            f"{len(images):,} images (first: {images[0]}), none of them in {lacking[0]} in a "
            "folder named like an expression"
        )


WANTED = Wanted(
    name="SFEW 2.0",
    layout=(
        "Train/Train_Aligned_Faces/<Class>/*.png and Val/Val_Aligned_Faces/<Class>/*.png (or "
        "Val_Aligned_Faces_new), also in archives, the classes Angry, Disgust, Fear, Happy, "
        "Neutral, Sad and Surprise"
    ),
    request=("request it at https://users.cecs.anu.edu.au/~few_group/AFEW.html and put it there"),
    check=_check,
)
