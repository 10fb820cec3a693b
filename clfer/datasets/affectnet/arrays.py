"""AffectNet's newer form: train_set/images/<id>.jpg beside annotations/<id>_exp.npy and _lnd.npy.

The arrays of valence and arousal are left aside. Codes and landmarks may be written as text.
"""

from pathlib import Path

import polars as pl

from clfer.arrays import array
from clfer.datasets.affectnet.table import CODES, SCHEMA
from clfer.datasets.tree import lists
from clfer.datasets.tree.landmarks import POINTS, five, is_place
from clfer.datasets.tree.names import key, stem, unzipped

LABEL, LANDMARKS = "_exp", "_lnd"
USAGES = {"train_set": "training", "val_set": "validation"}


def is_label(path: str) -> bool:
    return key(path).endswith(f"{LABEL}.npy") and _usage(path) is not None


def is_note(path: str) -> bool:
    """Whether this is the label or the landmarks of an image."""
    return key(path).endswith((f"{LABEL}.npy", f"{LANDMARKS}.npy")) and _usage(path) is not None


def image(path: str) -> str | None:
    """The key of an image: the usage and its number; None where it lies in neither set."""
    usage = _usage(path)
    return None if usage is None else f"{usage}/{key(stem(path))}"


def read(raw: Path) -> pl.DataFrame:
    """The rows of both sets, as `table.read` has them, sorted by path; boxes are null.

    InputError names a file that holds something else.
    """
    rows: dict[str, tuple[str, int]] = {}
    points: dict[str, list[float]] = {}
    for path, content in lists.notes(raw):
        name = str(image(path))
        if name.endswith(LABEL):
            rows[name.removesuffix(LABEL)] = (path, _code(raw, path, content))
        else:
            points[name.removesuffix(LANDMARKS)] = _points(raw, path, content)
    found = [
        (name.partition("/")[0], name, path, code, points.get(name), None)
        for name, (path, code) in rows.items()
    ]
    return pl.DataFrame(sorted(found, key=lambda row: (row[0], row[2])), SCHEMA, orient="row")


def _usage(path: str) -> str | None:
    parts = [key(unzipped(part)) for part in path.split("/")[:-1]]
    return next((USAGES[part] for part in reversed(parts) if part in USAGES), None)


def _code(raw: Path, path: str, content: bytes) -> int:
    numbers = _numbers(raw, path, content)
    if len(numbers) != 1 or numbers[0] not in range(CODES):
        found = ", ".join(f"{number:g}" for number in numbers[:3])
        raise lists.broken(raw, path, f"an expression 0 to {CODES - 1}", found or "nothing")
    return int(numbers[0])


def _points(raw: Path, path: str, content: bytes) -> list[float]:
    numbers = _numbers(raw, path, content)
    if len(numbers) != 2 * POINTS or not all(map(is_place, numbers)):
        found = f"{len(numbers)} numbers"
        raise lists.broken(raw, path, f"{POINTS} landmarks x, y, x, y and so on", found)
    return five(list(zip(numbers[::2], numbers[1::2], strict=True)))


def _numbers(raw: Path, path: str, content: bytes) -> list[float]:
    """What the array holds, row by row."""
    try:
        return [float(value) for value in array(content).ravel().tolist()]
    except Exception as error:  # a SystemError, too, of letters that there are not
        reason = " ".join(str(error).split())
        raise lists.broken(raw, path, "a plain .npy of numbers", reason[:120]) from error
