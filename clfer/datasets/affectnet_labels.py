"""AffectNet's labels, in both its forms.

Lists:  training.csv and validation.csv beside Manually_Annotated_Images. Their columns are COLUMNS;
        some copies have no header. A face of no class has no box and no landmarks.
Arrays: train_set/images/<id>.jpg beside annotations/<id>_exp.npy and _lnd.npy, where numbers may be
        written as text. Valence and arousal are not used.
"""

import math
from pathlib import Path

import polars as pl

from clfer.datasets import index, lists
from clfer.datasets.expressions import AFFECTNET
from clfer.datasets.labels import BOX, LANDMARKS
from clfer.datasets.landmarks import POINTS, five, is_place
from clfer.datasets.listing import folders, key, stem
from clfer.errors import InputError
from clfer.pictures import read_npy

COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
PATH, *SIDES, MARKS, CODE = COLUMNS[:7]
LISTS = {"training": "training.csv", "validation": "validation.csv"}
CODES = 11  # the classes, and then: none of them, uncertain, not a face
LABEL_ENDING, MARKS_ENDING = "_exp", "_lnd"  # of the arrays
USAGES = {"train_set": "training", "val_set": "validation"}
NOTHING = {"", "null", "nan", "none", "-1"}
SCHEMA = {
    "usage": pl.String(),
    "key": pl.String(),
    "shown": pl.String(),
    "code": pl.Int64(),
    "landmarks": LANDMARKS,
    "box": BOX,
}


def is_list(path: str) -> bool:
    return key(path).rpartition("/")[2] in LISTS.values()


def list_image(path: str) -> str | None:
    """What the lists call an image: its folder and its name. None for those labelled by machine."""
    parts = key(path).split("/")
    if any(part.startswith("automatically_annotated") for part in parts):
        return None
    return "/".join(parts[-2:])


def list_paths(raw: Path) -> dict[str, str]:
    """The lists by usage; empty where there is none. InputError where one of them is missing."""
    there = {usage: lists.one(raw, name) for usage, name in LISTS.items()}
    found = {usage: path for usage, path in there.items() if path}
    if found and len(found) < len(LISTS):
        lacking = next(LISTS[usage] for usage, path in there.items() if not path)
        raise InputError(
            f"{index.folder(raw)}: expected training.csv and validation.csv, found no {lacking}; "
            "put it there and download again"
        )
    return found


def read_lists(raw: Path) -> pl.DataFrame:
    """The rows of both lists, in order: SCHEMA, `code` 0 to 10.

    InputError names the file and the line of what is no row.
    """
    rows = []
    for usage, path in list_paths(raw).items():
        columns = dict(zip(COLUMNS, range(len(COLUMNS)), strict=True))
        width = len(COLUMNS)
        for place, (line, text) in enumerate(lists.lines(raw, path)):
            cells = text.split(",")
            if place == 0 and (header := _header(cells)):
                columns, width = header, len(cells)
                continue
            if len(cells) != width:
                raise lists.wrong(raw, path, line, f"{width} columns", f"{len(cells)}")
            try:
                rows.append((usage, *_row(cells, columns)))
            except ValueError as fault:
                raise lists.wrong(raw, path, line, *fault.args) from None
    return pl.DataFrame(rows, SCHEMA, orient="row")


def is_array_label(path: str) -> bool:
    return key(path).endswith(f"{LABEL_ENDING}.npy") and _usage(path) is not None


def is_array(path: str) -> bool:
    """Whether this is the label or the landmarks of an image."""
    return (
        key(path).endswith((f"{LABEL_ENDING}.npy", f"{MARKS_ENDING}.npy"))
        and _usage(path) is not None
    )


def array_image(path: str) -> str | None:
    """The key of an image: the usage and its number; None where it lies in neither set."""
    usage = _usage(path)
    return None if usage is None else f"{usage}/{key(stem(path))}"


def read_arrays(raw: Path) -> pl.DataFrame:
    """The rows of both sets, as `read_lists` has them, sorted by path; boxes are null.

    InputError names a file that holds something else.
    """
    rows: dict[str, tuple[str, int]] = {}
    points: dict[str, list[float]] = {}
    for path, content in lists.notes(raw):
        name = str(array_image(path))
        if name.endswith(LABEL_ENDING):
            rows[name.removesuffix(LABEL_ENDING)] = (path, _array_code(raw, path, content))
        else:
            points[name.removesuffix(MARKS_ENDING)] = _array_points(raw, path, content)
    found = [
        (name.partition("/")[0], name, path, code, points.get(name), None)
        for name, (path, code) in rows.items()
    ]
    return pl.DataFrame(sorted(found, key=lambda row: (row[0], row[2])), SCHEMA, orient="row")


def _header(cells: list[str]) -> dict[str, int] | None:
    """Where each column stands, if these are the names of columns."""
    names = [_bare(cell).lower() for cell in cells]
    wanted = {name: names.index(name.lower()) for name in COLUMNS if name.lower() in names}
    return wanted if PATH in wanted and CODE in wanted else None


def _row(
    cells: list[str], columns: dict[str, int]
) -> tuple[str, str, int, list[float] | None, list[float] | None]:
    """Key, path, code, landmarks and box. ValueError holds what was expected and what was found."""
    values = {name: _bare(cells[place]) for name, place in columns.items()}
    code, path = values[CODE], values[PATH].replace("\\", "/")
    if not (code.isascii() and code.isdigit() and len(code) < 3 and int(code) < CODES):
        raise ValueError(f"an expression 0 to {CODES - 1}", repr(code[:20]))
    if not path:
        raise ValueError("the path of an image in the first column", "none")
    name = "/".join(key(path).split("/")[-2:])
    if int(code) >= len(AFFECTNET):
        return name, path, int(code), None, None
    return name, path, int(code), _landmarks(values.get(MARKS, "")), _box(values)


def _landmarks(text: str) -> list[float] | None:
    if text.lower() in NOTHING:
        return None
    words = text.split(";")
    if len(words) != 2 * POINTS:
        raise ValueError(f"{POINTS} landmarks x;y;x;y and so on", f"{len(words)} numbers")
    numbers = [_number(word, "a landmark") for word in words]
    return five(list(zip(numbers[::2], numbers[1::2], strict=True)))


def _box(values: dict[str, str]) -> list[float] | None:
    sides = [values.get(name, "") for name in SIDES]
    if any(side.lower() in NOTHING for side in sides[2:]):
        return None
    left, top, width, height = (
        _number(side, name) for name, side in zip(SIDES, sides, strict=True)
    )
    return [left, top, width, height] if width > 0 and height > 0 else None


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not is_place(number):
        raise ValueError(f"a number as {what}", repr(text[:20]))
    return number


def _bare(cell: str) -> str:
    return cell.strip().strip('"').strip()


def _usage(path: str) -> str | None:
    parts = [key(part) for part in folders(path)]
    return next((USAGES[part] for part in reversed(parts) if part in USAGES), None)


def _array_code(raw: Path, path: str, content: bytes) -> int:
    numbers = _array_numbers(raw, path, content)
    if len(numbers) != 1 or numbers[0] not in range(CODES):
        found = ", ".join(f"{number:g}" for number in numbers[:3])
        raise lists.broken(raw, path, f"an expression 0 to {CODES - 1}", found or "nothing")
    return int(numbers[0])


def _array_points(raw: Path, path: str, content: bytes) -> list[float]:
    numbers = _array_numbers(raw, path, content)
    if len(numbers) != 2 * POINTS or not all(map(is_place, numbers)):
        found = f"{len(numbers)} numbers"
        raise lists.broken(raw, path, f"{POINTS} landmarks x, y, x, y and so on", found)
    return five(list(zip(numbers[::2], numbers[1::2], strict=True)))


def _array_numbers(raw: Path, path: str, content: bytes) -> list[float]:
    """What the array holds, row by row."""
    try:
        return [float(value) for value in read_npy(content).ravel().tolist()]
    except Exception as error:  # a SystemError, too, of letters that there are not
        reason = " ".join(str(error).split())
        raise lists.broken(raw, path, "a plain .npy of numbers", reason[:120]) from error
