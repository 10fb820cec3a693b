"""AffectNet of seven or eight classes (Mollahosseini, Hasani & Mahoor 2017), in both its forms.

Lists:  training.csv and validation.csv beside Manually_Annotated_Images. Their columns are COLUMNS;
        some copies have no header. A face of no class has no box and no landmarks.
Arrays: train_set/images/<id>.jpg beside annotations/<id>_exp.npy and _lnd.npy, where numbers may be
        written as text. Valence and arousal are not used.

The field trains on the training set and tests on the validation set: the test set is not public.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import polars as pl

from clfer.datasets import images, labels, source
from clfer.datasets.expressions import AFFECTNET
from clfer.datasets.images import folders, key
from clfer.datasets.images import pictures as pictures
from clfer.datasets.labels import BOX, LANDMARKS, POINTS, coordinates, five
from clfer.datasets.source import Source as Source
from clfer.errors import InputError, in_one_line
from clfer.pictures import read_npy
from clfer.settings import Settings

EVIDENCE = True
SPLITS = {"training": "train", "validation": "test"}
# The form with arrays has one image of validation less.
PUBLISHED = {7: [(283_901, 3_500)], 8: [(287_651, 4_000), (287_651, 3_999)]}
CODES = (*AFFECTNET, "none of them", "uncertain", "not a face")  # 0 to 10
EXPECTED_CODE = f"an expression 0 to {len(CODES) - 1}"

LISTS = {"training": "training.csv", "validation": "validation.csv"}
COLUMNS = (
    "subDirectory_filePath",
    *("face_x", "face_y", "face_width", "face_height", "facial_landmarks"),
    *("expression", "valence", "arousal"),
)
PATH, *SIDES, MARKS, CODE = COLUMNS[:7]
BY_LOWER = {name.lower(): name for name in COLUMNS}
NOTHING = {"", "null", "nan", "none", "-1"}

USAGES = {"train_set": "training", "val_set": "validation"}
LABEL_ENDING, MARKS_ENDING = "_exp", "_lnd"  # of the arrays

SCHEMA = {
    "usage": pl.String(),
    "key": pl.String(),
    "shown": pl.String(),
    "code": pl.Int64(),
    "landmarks": LANDMARKS,
    "box": BOX,
}

Wrong = Callable[[str, str], InputError]  # of what was expected and what was found


class Labels(Settings):
    """7: without contempt, whose images are left out."""

    classes: Literal[7, 8]


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """The table of labels, training before validation, in the order of the lists, or sorted
    by path where there are none; what is missing, for people.

    Images of no class are not in it. Landmarks are from the 68 points, null where they are not
    given; boxes stand in the lists alone.
    """
    lists = _lists(raw)
    rows = read_lists(raw, lists) if lists else read_arrays(raw)
    if rows.is_empty():
        raise WANTED.missing(images.folder_of(raw), "lists without a row")
    key_of = _list_key if lists else _array_key
    classes = AFFECTNET[: chosen.classes]
    has_class = pl.col("code") < len(classes)
    dropped = rows.filter(~has_class)
    named = pl.col("code").replace_strict(dict(enumerate(CODES)), return_dtype=pl.String)
    files = ((key_of(path), path) for path in images.indexed(raw))
    kept = rows.filter(has_class).with_columns(label=named)
    kept, remarks = labels.matched(kept, files, besides=dropped["key"])
    table = labels.table(kept, classes)
    counts = dropped["code"].value_counts().sort("code").iter_rows()
    parts = [f"{count:,} {CODES[code]} ({code})" for code, count in counts]
    return table, [
        *([f"rows of no class, left out: {', '.join(parts)}"] if parts else []),
        *remarks,
        *labels.shortfall(table, SPLITS, PUBLISHED[chosen.classes]),
    ]


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    name = f"AffectNet-{chosen.classes}, tested on validation"
    return labels.copy_named(name, table, SPLITS, PUBLISHED[chosen.classes])


def read_lists(raw: Path, paths: dict[str, str]) -> pl.DataFrame:
    """The rows of both lists, in order: SCHEMA, `code` 0 to 10. paths: usage -> its list

    InputError names the file and the line of what is no row.
    """
    rows = []
    for usage, path in paths.items():
        names = [*COLUMNS]
        for place, (line, text) in enumerate(source.lines(raw, path)):
            cells = [cell.strip().strip('"').strip() for cell in text.split(",")]
            header = [BY_LOWER.get(cell.lower(), "") for cell in cells]
            if place == 0 and {PATH, CODE} <= {*header}:
                names = header
                continue
            wrong = partial(source.wrong, raw, path, line=line)
            if len(cells) != len(names):
                raise wrong(f"{len(names)} columns", f"{len(cells)}")
            rows.append((usage, *_row(dict(zip(names, cells, strict=True)), wrong)))
    return pl.DataFrame(rows, SCHEMA, orient="row")


def read_arrays(raw: Path) -> pl.DataFrame:
    """The rows of both sets, as `read_lists` has them, sorted by path; boxes are null.

    InputError names a file that holds something else.
    """
    labelled: dict[str, tuple[str, int]] = {}
    points: dict[str, list[float]] = {}
    for path, content in source.notes(raw):
        name, wrong = str(_array_key(path)), partial(source.wrong, raw, path)
        try:
            words = read_npy(content).ravel().tolist()
        except Exception as error:  # a SystemError, too, of letters that there are not
            raise wrong("a plain .npy of numbers", in_one_line(error)) from error
        if name.endswith(LABEL_ENDING):
            labelled[name.removesuffix(LABEL_ENDING)] = (path, _array_code(words, wrong))
        else:
            points[name.removesuffix(MARKS_ENDING)] = _five(words, wrong)
    rows = [
        (name.partition("/")[0], name, path, code, points.get(name), None)
        for name, (path, code) in labelled.items()
    ]
    return pl.DataFrame(rows, SCHEMA, orient="row").sort("usage", "shown")


def _lists(raw: Path) -> dict[str, str]:
    """The lists by usage; empty where there is none. InputError where one of them is missing."""
    paths = {usage: source.one_list(raw, name) for usage, name in LISTS.items()}
    there = {usage: path for usage, path in paths.items() if path}
    if there and (lacking := LISTS.keys() - there):
        raise InputError(
            f"{images.folder_of(raw)}: expected training.csv and validation.csv, found no "
            f"{LISTS[min(lacking)]}; put it there and download again"
        )
    return there


def _row(
    values: dict[str, str], wrong: Wrong
) -> tuple[str, str, int, list[float] | None, list[float] | None]:
    """Key, path, code, landmarks and box."""
    code, path = values[CODE], values[PATH].replace("\\", "/")
    if code not in map(str, range(len(CODES))):
        raise wrong(EXPECTED_CODE, repr(code[:20]))
    if not path:
        raise wrong("the path of an image in the first column", "none")
    if int(code) >= len(AFFECTNET):
        return _tail(path), path, int(code), None, None
    marks = values.get(MARKS, "")
    landmarks = None if marks.lower() in NOTHING else _five(marks.split(";"), wrong)
    box = _box([values.get(side, "") for side in SIDES], wrong)
    return _tail(path), path, int(code), landmarks, box


def _five(words: Sequence[Any], wrong: Wrong) -> list[float]:
    """Five landmarks from 68."""
    numbers = coordinates(words)
    if len(words) != 2 * POINTS or len(numbers) != 2 * POINTS:
        raise wrong(f"{POINTS} landmarks x, y, x, y and so on", f"{len(numbers)} numbers")
    return five(numbers)


def _box(sides: list[str], wrong: Wrong) -> list[float] | None:
    if any(side.lower() in NOTHING for side in sides[2:]):
        return None
    box = coordinates(sides)
    if len(box) < len(sides):
        raise wrong(f"a number as {SIDES[len(box)]}", repr(sides[len(box)][:20]))
    return box if box[2] > 0 and box[3] > 0 else None


def _array_code(words: Sequence[Any], wrong: Wrong) -> int:
    numbers = coordinates(words)
    if len(words) != 1 or len(numbers) != 1 or numbers[0] not in range(len(CODES)):
        raise wrong(EXPECTED_CODE, ", ".join(map(str, words[:3]))[:80] or "nothing")
    return int(numbers[0])


def _list_key(path: str) -> str | None:
    """What the lists call an image. None for those labelled by machine."""
    automatic = any(part.startswith("automatically_annotated") for part in key(path).split("/"))
    return None if automatic else _tail(path)


def _tail(path: str) -> str:
    """The folder and the name of an image."""
    return "/".join(key(path).split("/")[-2:])


def _array_key(path: str) -> str | None:
    """The usage and the number of an image; None where it lies in neither set."""
    sets = [part for part in map(key, folders(path)) if part in USAGES]
    return f"{USAGES[sets[-1]]}/{key(PurePosixPath(path).stem)}" if sets else None


def _is_list(path: str) -> bool:
    return key(path).rpartition("/")[2] in LISTS.values()


def _is_array(path: str) -> bool:
    """Whether this is the label or the landmarks of an image."""
    ending = (f"{LABEL_ENDING}.npy", f"{MARKS_ENDING}.npy")
    return key(path).endswith(ending) and _array_key(path) is not None


def _lacking(paths: Sequence[str], files: Sequence[str]) -> str | None:
    listed = any(map(_is_list, files))
    if not listed and not any(key(path).endswith(f"{LABEL_ENDING}.npy") for path in files):
        return f"{len(paths):,} images but neither training.csv nor *_exp.npy"
    if not any(map(_list_key if listed else _array_key, paths)):
        return f"{len(paths):,} images, none where they belong (first: {paths[0]})"
    return None


WANTED = source.Wanted(
    name="AffectNet",
    layout=(
        "training.csv, validation.csv and Manually_Annotated_Images/<number>/*, or "
        "train_set/images/*.jpg with train_set/annotations/*_exp.npy and val_set likewise, also in "
        "archives"
    ),
    request="request it at https://mohammadmahoor.com/pages/databases/affectnet/ and put it there",
    lacking=_lacking,
    is_list=_is_list,
    is_note=_is_array,
)
fetch = partial(source.fetch, WANTED)
