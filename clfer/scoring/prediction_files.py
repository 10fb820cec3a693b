"""Files of predictions made elsewhere: which there are, what they are called, and their columns.

A file is CSV, TSV, Parquet, JSON (a list of objects), JSON lines or NPZ, with a line for each
image: `row`, `name` or `file`, which say the image, and `label`, the answer, or a column
`probability_CLASS` for each class, or both. Parquet and NPZ may have one array `probability` [N, M]
instead, with `classes` [M]. An NPZ as a cell leaves it, `test` [N, C] in the order of the split,
will do.
"""

import codecs
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from clfer.archives import DAMAGE
from clfer.datasets import labels
from clfer.errors import InputError, in_one_line

KEYS = ("row", "name", "file")
ANSWERS = ("predicted", "label")  # a table of ours has the truth as `label` beside `predicted`
PREFIX, SUFFIXES = "probability_", (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".npz")
NUMBERED = re.compile(r"(.+?)[-_. /](?:seed[-_ ]?|s)?(\d{1,9})")


def listed(places: Sequence[Path]) -> list[Path]:
    """Files, and of a folder all `predictions` of cells in it, or else its files of predictions."""
    found = []
    for place in places:
        if not place.is_dir():
            found.append(place)
            continue
        within = [one for one in sorted(place.rglob("*")) if one.suffix in SUFFIXES]
        own = [one for one in within if one.stem == "predictions"]
        there = own or [one for one in within if one.parent == place]
        if not there:
            raise refusal(place, f"files that end in {', '.join(SUFFIXES)}", "none")
        found += there
    return found


def named(paths: Sequence[Path], given: Sequence[str]) -> list[tuple[str, int]]:
    """Name and seed of each file: `given`, of which the same again is another seed, or the file's
    own name; `predictions` in folders VARIANT/SEED has theirs. Files whose own names differ by a
    number at the end are seeds of one.

    Raises InputError where two files would have one name and seed.
    """
    if given and len(given) != len(paths):
        raise InputError(
            f"--name: expected one for each of {len(paths)} files, found {len(given)}; say it "
            "once for each, in their order"
        )
    names = list(given) or [_own_name(path) for path in paths]
    for name in names:
        if not name.strip() or not name.isprintable():
            raise InputError(f"name: expected printable letters, found {name!r}; say --name")
    if given:
        return [(name, names[:place].count(name)) for place, name in enumerate(names)]
    numbered = [NUMBERED.fullmatch(name) for name in names]
    families = Counter(match[1] for match in numbered if match)
    cells: list[tuple[str, int]] = []
    for name, match in zip(names, numbered, strict=True):
        alone = not match or families[match[1]] < 2
        cells.append((name, 0) if alone or not match else (match[1], int(match[2])))
    for cell, path in zip(cells, paths, strict=True):
        if cells.count(cell) > 1:
            raise InputError(f"{path}: expected a name of its own, found {cell[0]} again; --name")
    return cells


def mapping(path: Path) -> dict[str, str]:
    """A JSON object, or a CSV of two columns: what a file calls a class, and what it is."""
    try:
        if path.suffix == ".json":
            found = json.loads(path.read_text(encoding="utf-8-sig"))
            return {str(key): str(value) for key, value in found.items()}
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        pairs = [line.split(",") for line in lines if line.strip()]
        return {theirs.strip(): ours.strip() for theirs, ours in pairs}
    except FileNotFoundError:
        raise InputError(f"--mapping: found no {path}") from None
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{path}: expected a JSON object or lines THEIRS,OURS that say what each class is, "
            f"found something else ({in_one_line(error)})"
        ) from error


def table(path: Path, tested: pl.Series, classes: Sequence[str]) -> pl.DataFrame:
    """The columns of a file; InputError where it can't be read or is empty.

    tested: the rows of the test images; classes: those of the dataset.
    """
    if path.suffix not in SUFFIXES:
        raise refusal(path, f"a file that ends in {', '.join(SUFFIXES)}", path.suffix or "none")
    try:
        found = _loaded(path, tested, classes)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: expected a file of predictions, found none") from None
    except (ValueError, TypeError, KeyError, RecursionError, *labels.DAMAGE, *DAMAGE) as error:
        other = f"something else ({in_one_line(error)})"
        raise refusal(path, f"a table as {path.suffix[1:]}", other) from error
    if found.is_empty():
        raise refusal(path, "a line for each image", "none")
    return found


def _loaded(path: Path, tested: pl.Series, classes: Sequence[str]) -> pl.DataFrame:
    match path.suffix:
        case ".npz":
            return _npz(path, tested, classes)
        case ".parquet":
            return pl.read_parquet(path)
        case ".jsonl":
            content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
            return pl.read_ndjson(content, infer_schema_length=None)
        case ".csv" | ".tsv":
            separator = "\t" if path.suffix == ".tsv" else ","
            words = dict.fromkeys((*KEYS[1:], *ANSWERS), pl.String)  # 0001 is a name, not a number
            found = pl.read_csv(
                path, separator=separator, schema_overrides=words, infer_schema_length=None
            )
            return found.filter(~pl.all_horizontal(pl.all().is_null()))  # without empty lines
    found = json.loads(path.read_text(encoding="utf-8-sig"))
    if not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        raise ValueError("expected a list of objects, one an image")
    return pl.DataFrame(found, infer_schema_length=None)


def _npz(path: Path, tested: pl.Series, classes: Sequence[str]) -> pl.DataFrame:
    with np.load(path) as arrays:
        if "test" in arrays and not {*arrays} & {*KEYS}:
            values = arrays["test"]
            if values.shape != (len(tested), len(classes)):
                shape = "x".join(map(str, values.shape))
                expected = f"{len(tested):,} test images of {len(classes)} classes"
                raise refusal(path, expected, shape)
            return pl.DataFrame({"row": tested, "probability": values})
        columns = {}
        for name in (*KEYS, *ANSWERS, *(one for one in arrays if one.startswith(PREFIX))):
            if name in arrays:
                values = arrays[name]
                columns[name] = values.astype(str) if values.dtype.kind in "US" else values
        if "probability" in arrays:
            columns["probability"] = arrays["probability"]
        frame = pl.DataFrame(columns)
        if "classes" in arrays and "probability" in arrays:
            names = arrays["classes"].astype(str).ravel().tolist()
            return frame.with_columns(classes=pl.lit(names, pl.List(pl.String)))
        return frame


def classes_of(path: Path, found: pl.DataFrame) -> list[str] | None:
    """The classes of an array of probabilities, where the file names them; InputError where not all
    its lines name the same.
    """
    if isinstance(found.schema.get("classes"), pl.List | pl.Array):
        first, *others = found["classes"].to_list()
        if first is None or any(one != first for one in others):
            raise refusal(path, "the same classes in every line, in one order", "others")
        return [str(one) for one in first]
    kinds = (found.schema[one] for one in ANSWERS if one in found.columns)
    return next((kind.categories.to_list() for kind in kinds if isinstance(kind, pl.Enum)), None)


def _own_name(path: Path) -> str:
    if path.stem != "predictions":
        return path.stem
    # not resolved: in a cache of links it would be the cache's folder
    variant, seed = ("", *Path(os.path.abspath(path)).parts)[-3:-1]
    return f"{variant}-{seed}" if seed.isdecimal() else seed


def refusal(path: Path, expected: str, found: Any) -> InputError:
    """What a file that can't be taken is refused with."""
    return InputError(f"{path}: expected {expected}; found {found}")
