"""AffectNet of seven or eight classes (Mollahosseini, Hasani & Mahoor 2017), in both its forms.

The field trains on the training set and tests on the validation set: the test set is not public.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from clfer.datasets import affectnet_labels as forms
from clfer.datasets import images, index
from clfer.datasets import labels as columns
from clfer.datasets import rows as joined
from clfer.datasets.expressions import AFFECTNET
from clfer.datasets.images import Source as Source
from clfer.datasets.images import Wanted
from clfer.datasets.images import pictures as pictures
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"training": "train", "validation": "test"}
# The form with arrays has one image of validation less.
PUBLISHED = {7: [(283_901, 3_500)], 8: [(287_651, 4_000), (287_651, 3_999)]}


class Labels(Settings):
    """7: without contempt, whose images are left out."""

    classes: Literal[7, 8]


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Index the images and copy the labels of AffectNet from where the user put it."""
    return images.fetch(source, base, raw, track, WANTED)


def label(raw: Path, labels: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of labels, training before validation, in the order of the lists, or sorted
    by path where there are none; what is missing, for people.

    Images of no class are not in it. Landmarks are from the 68 points, null where they are not
    given; boxes stand in the lists alone.
    """
    listed = bool(forms.list_paths(raw))
    rows = forms.read_lists(raw) if listed else forms.read_arrays(raw)
    if rows.is_empty():
        raise images.missing(WANTED, index.folder(raw), "lists without a row")
    files, again = joined.keyed(index.paths(raw), _image(listed))
    classes = AFFECTNET[: labels.classes]
    dropped = rows.filter(pl.col("code") >= labels.classes)
    kept, repeated = joined.settled(
        rows.filter(pl.col("code") < labels.classes).with_columns(
            label=pl.col("code").replace_strict(dict(enumerate(classes)), return_dtype=pl.String)
        )
    )
    kept, absent = joined.attached(kept, files, besides=set(dropped["key"]))
    found = columns.table(kept, classes)
    return found, [
        *_dropped(dropped),
        *repeated,
        *absent,
        *again,
        *joined.shortfall(found, SPLITS, PUBLISHED[labels.classes]),
    ]


def protocol(labels: Labels, table: pl.DataFrame) -> str:
    """What a number on these labels has to be called by."""
    name = f"AffectNet-{labels.classes}, tested on validation"
    return joined.protocol(name, table, SPLITS, PUBLISHED[labels.classes])


def _dropped(rows: pl.DataFrame) -> list[str]:
    """How many rows of each code are not in the table."""
    names = dict(enumerate((*AFFECTNET, "none of them", "uncertain", "not a face")))
    counts = rows["code"].value_counts().sort("code").iter_rows()
    parts = [f"{count:,} {names[code]} ({code})" for code, count in counts]
    return [f"rows of no class, left out: {', '.join(parts)}"] if parts else []


def _image(listed: bool) -> Callable[[str], str | None]:
    return forms.list_image if listed else forms.array_image


def _check(paths: Sequence[str], labels: Sequence[str]) -> None:
    listed = any(forms.is_list(path) for path in labels)
    if not listed and not any(forms.is_array_label(path) for path in labels):
        raise LookupError(f"{len(paths):,} images but neither training.csv nor *_exp.npy")
    if not any(map(_image(listed), paths)):
        raise LookupError(f"{len(paths):,} images, none where they belong (first: {paths[0]})")


WANTED = Wanted(
    name="AffectNet",
    layout=(
        "training.csv, validation.csv and Manually_Annotated_Images/<number>/*, or "
        "train_set/images/*.jpg with train_set/annotations/*_exp.npy and val_set likewise, also in "
        "archives"
    ),
    request=(
        "request it at https://mohammadmahoor.com/pages/databases/affectnet/ and put it there"
    ),
    check=_check,
    is_list=forms.is_list,
    is_note=forms.is_array,
)
