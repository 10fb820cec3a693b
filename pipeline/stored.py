"""Files of earlier stages, read or named with the command that writes them again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import UInt8

from clfer.errors import InputError, in_one_line
from pipeline import paths

# What polars raises over a damaged file: of some damage its own panic, which is no Exception.
DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
LONGEST = 300  # letters of what others say


def table(path: Path, stage: str, columns: Sequence[str] = (), alone: bool = False) -> pl.DataFrame:
    """A table, or these columns of a parquet file alone; InputError where it is missing, damaged or
    lacks one of them.
    """
    paths.existing(path, stage)
    try:
        there = pl.read_parquet_schema(path) if alone else {}
        some = list(columns) if alone and {*columns} <= {*there} else None
        found = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path, columns=some)
    except DAMAGE as error:
        raise _damaged(path, stage, "a table", error) from error
    _complete(path, stage, columns, found.columns)
    return found


def protocol(
    about: Mapping[str, str], duplicates: str, selected_on: str
) -> tuple[dict[str, Any], bool]:
    """What a score has to be called on images of a split with this metadata, and whether it is
    evidence.
    """
    called = {"labels": about["protocol"], "duplicates": duplicates, "selected_on": selected_on}
    return called, bool(json.loads(about["evidence"]))


def tested(split: pl.DataFrame) -> pl.DataFrame:
    """The test images in row order, with what scores need of them."""
    images = split.filter(pl.col("split") == "test").sort("row")
    return images.select("row", "group", "unique", "label", "target")


class Rows:
    """Some columns of a parquet file, of which rows are read when they are asked for; InputError
    where it is missing, damaged or lacks one of the columns.
    """

    def __init__(self, path: Path, stage: str, columns: Sequence[str]) -> None:
        paths.existing(path, stage)
        self.path, self.stage = path, stage
        self.all = pl.scan_parquet(path)
        with self._whole():
            _complete(path, stage, columns, self.all.collect_schema().names())
            self.count: int = self.all.select(pl.len()).collect().item()
        self.all = self.all.select(columns)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, rows: slice) -> pl.DataFrame:
        first, behind, _ = rows.indices(self.count)
        with self._whole():
            return self.all.slice(first, behind - first).collect()

    def at(self, rows: pl.Series) -> pl.DataFrame:
        """The rows of these numbers, in this order."""
        with self._whole():
            numbered = self.all.with_row_index().filter(pl.col("index").is_in(rows.implode()))
            found = numbered.collect(engine="streaming")
        place = pl.Series("index", rows, pl.UInt32).to_frame()
        return place.join(found, on="index", how="left", maintain_order="left").drop("index")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        try:
            yield
        except DAMAGE as error:
            raise _damaged(self.path, self.stage, "a table", error) from error


def array(path: Path, stage: str) -> UInt8[np.ndarray, "N S S C"]:
    """The stored faces, memory-mapped; InputError where they are missing or damaged."""
    paths.existing(path, stage)
    try:
        found: UInt8[np.ndarray, "N S S C"] = np.load(path, mmap_mode="r")
    except OSError:
        raise
    except Exception as error:  # numpy trips over broken headers in many ways
        raise _damaged(path, stage, "an array of faces", error) from error
    if found.dtype != np.uint8 or found.ndim != 4:
        raise InputError(
            f"{path}: expected faces as uint8 [N, S, S, C], found {found.dtype} "
            f"{list(found.shape)}; {_again(path, stage)}"
        )
    return found


def document(path: Path, stage: str) -> dict[str, Any]:
    """A JSON document; InputError where it is missing or damaged."""
    paths.existing(path, stage)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"{type(found).__name__}, no object")
    except (ValueError, RecursionError) as error:
        raise _damaged(path, stage, "JSON", error) from error
    return found


def _complete(path: Path, stage: str, columns: Sequence[str], there: Sequence[str]) -> None:
    if absent := [name for name in columns if name not in there]:
        raise InputError(
            f"{path}: expected a column '{absent[0]}', found {', '.join(there)[:LONGEST]}; "
            f"{_again(path, stage)}"
        )


def _damaged(path: Path, stage: str, what: str, error: BaseException) -> InputError:
    return InputError(
        f"{path}: expected {what}, found it damaged ({in_one_line(error)}); {_again(path, stage)}"
    )


def _again(path: Path, stage: str) -> str:
    chain = ", or `dvc repro` all that needs it" if paths.in_chain(stage) else ""
    return f"delete it and let `clfer {stage}` write it again{chain}"
