"""SFEW 2.0 (Dhall et al.): frames of films in a folder for each expression.

Its test images have no public labels; the field trains on Train and tests on Val.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from clfer.datasets import images, labels, source
from clfer.datasets.expressions import SFEW, canonical
from clfer.datasets.images import folders, key
from clfer.datasets.images import pictures as pictures
from clfer.datasets.labels import remark
from clfer.datasets.source import Source as Source
from clfer.errors import InputError
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"Train": "train", "Val": "test"}
PUBLISHED = [(958, 436)]  # of whole frames; the face was not found in all of them
UNLABELLED = "Test"
USAGES = {usage.lower(): usage for usage in (*SPLITS, UNLABELLED)}
NEWER = "_new"


class Labels(Settings):
    """Nothing to choose: the aligned faces are taken where there are any."""


class Image(NamedTuple):
    name: str
    usage: str
    label: str
    aligned: bool
    newer: bool


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of `clfer.datasets.labels`, sorted by path, and what was left out, for people.

    A split's aligned faces are taken where it has some, of these the newer ones (`_new`).
    """
    every, elsewhere = _arranged(images.indexed(raw))
    taken: list[Image] = []
    remarks = remark("images in no folder of an expression, left out", elsewhere)
    for usage in SPLITS:
        here = [image for image in every if image.usage == usage]
        faces = [image for image in here if image.aligned] or here
        newer = [image for image in faces if image.newer] or faces
        taken += newer
        frames = [image.name for image in here if image not in faces]
        older = [image.name for image in faces if image not in newer]
        remarks += remark(f"{usage}: unaligned images, left out", frames)
        remarks += remark(f"{usage}: faces not in {NEWER}, left out", older)
    whole = next((image for image in taken if not image.aligned), None)
    if whole and any(image.aligned for image in taken):
        raise InputError(
            f"{images.folder_of(raw)}: expected aligned faces in Train and in Val, found only "
            f"whole frames in {whole.usage} ({whole.name}); put {whole.usage}/{whole.usage}"
            "_Aligned_Faces there and download again"
        )
    rows = pl.DataFrame(sorted(taken), Image._fields, orient="row")
    table = labels.table(rows, SFEW)
    absent = [name for name in SFEW if name not in set(rows["label"])]
    return table, [
        *remarks,
        *remark("classes without an image", absent),
        *labels.shortfall(table, SPLITS, PUBLISHED),
    ]


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    aligned = any(_is_aligned(path) for path in table["name"])
    name = f"SFEW 2.0, {'aligned faces' if aligned else 'whole frames'}, tested on Val"
    counts = labels.difference(table, SPLITS, PUBLISHED)
    return f"{name}: {counts}" if counts else name


def _arranged(paths: Sequence[str]) -> tuple[list[Image], list[str]]:
    """The labelled images, and those that lie elsewhere."""
    labelled, elsewhere = [], []
    for path in paths:
        parts = [key(part) for part in folders(path)]
        usage, name = _usage(parts), canonical(parts[-1]) if parts else None
        if usage in SPLITS and name in SFEW:
            newer = any(part.endswith(NEWER) for part in parts)
            labelled.append(Image(path, usage, name, _is_aligned(path), newer))
        elif usage != UNLABELLED:
            elsewhere.append(path)
    return labelled, elsewhere


def _usage(parts: Sequence[str]) -> str | None:
    """Train, Val or Test, by the innermost folder with such a name."""
    prefixes = (part.partition("_")[0] for part in reversed(parts))
    return next((USAGES[prefix] for prefix in prefixes if prefix in USAGES), None)


def _is_aligned(path: str) -> bool:
    return any("aligned" in key(part) for part in folders(path))


def _lacking(paths: Sequence[str], files: Sequence[str]) -> str | None:
    there = {image.usage for image in _arranged(paths)[0]}
    if absent := [usage for usage in SPLITS if usage not in there]:
        return (
            f"{len(paths):,} images (first: {paths[0]}), none of them in {absent[0]} in a folder "
            "named like an expression"
        )
    return None


WANTED = source.Wanted(
    name="SFEW 2.0",
    layout=(
        "Train/Train_Aligned_Faces/<Class>/*.png and Val/Val_Aligned_Faces/<Class>/*.png (or "
        "Val_Aligned_Faces_new), also in archives, the classes Angry, Disgust, Fear, Happy, "
        "Neutral, Sad and Surprise"
    ),
    request="request it at https://users.cecs.anu.edu.au/~few_group/AFEW.html and put it there",
    lacking=_lacking,
)
fetch = partial(source.fetch, WANTED)
