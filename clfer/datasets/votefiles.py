"""FER+'s two label files: fer2013new.csv, row by row, and Microsoft's label.csv, name by name."""

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from clfer.datasets.expressions import FERPLUS_VOTES
from clfer.datasets.fer2013 import USAGE
from clfer.errors import InputError

HEADER = ["Usage", "Image name", *FERPLUS_VOTES]
RATERS = 10
VOTES = pl.Array(pl.UInt8, len(FERPLUS_VOTES))
LONGEST_LINE = 1 << 16  # characters; a row has about 50


def read_votes(path: Path) -> pl.DataFrame:
    """fer2013new.csv: `row` (Int64, from 0, FER2013's own), `name` (String, null where empty),
    `usage` (String), `votes` (Array(UInt8, 10)).

    InputError where the header, a usage or a vote is wrong. Votes need not sum to RATERS: in one
    published row they sum to 9.
    """
    lines = _lines(path)
    if (header := next(lines, [])) != HEADER:
        raise InputError(
            f"{path}: expected the header {','.join(HEADER)}, found {','.join(header)[:120]!r}; "
            "fetch fer2013new.csv again"
        )
    rows = [
        (row, name or None, _usage(path, row, usage), _votes(path, row, votes))
        for row, (usage, name, *votes) in enumerate(_complete(path, lines))
    ]
    schema = {"row": pl.Int64(), "name": pl.String(), "usage": pl.String(), "votes": VOTES}
    return pl.DataFrame(rows, schema, orient="row")


def read_layout(path: Path) -> pl.DataFrame:
    """A label.csv of Microsoft's: `name` (String), `votes` (Array(UInt8, 10)).

    It has no header; the second column, the face's box, is the whole picture throughout.
    """
    rows = [
        (_name(path, row, name), _votes(path, row, votes))
        for row, (name, _, *votes) in enumerate(_complete(path, _lines(path)))
    ]
    return pl.DataFrame(rows, {"name": pl.String(), "votes": VOTES}, orient="row")


def _lines(path: Path) -> Iterator[list[str]]:
    """The cells of every line that is not empty; none of them goes on in another line."""
    if not path.is_file():
        raise InputError(f"{path}: expected a file, found none; put it there")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            while line := file.readline(LONGEST_LINE):
                if len(line) == LONGEST_LINE:
                    raise csv.Error(f"a line of {LONGEST_LINE:,} characters or more")
                if cells := next(csv.reader([line]), []):
                    yield [cell.strip() for cell in cells]
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a csv, found other bytes; fetch it again") from error
    except csv.Error as error:
        raise InputError(f"{path}: expected a csv, found {error}; fetch it again") from error


def _complete(path: Path, lines: Iterator[list[str]]) -> Iterator[list[str]]:
    for row, cells in enumerate(lines):
        if len(cells) != len(HEADER):
            raise _wrong(path, row, f"{len(HEADER)} columns", f"{len(cells)}")
        yield cells


def _votes(path: Path, row: int, cells: list[str]) -> list[int]:
    for column, cell in zip(FERPLUS_VOTES, cells, strict=True):
        if not (cell.isascii() and cell.isdigit() and len(cell) < 4 and int(cell) <= RATERS):
            expected = f"0 to {RATERS} votes in column {column}"
            raise _wrong(path, row, expected, repr(cell[:20]))
    return [int(cell) for cell in cells]


def _usage(path: Path, row: int, cell: str) -> str:
    if cell not in USAGE:
        raise _wrong(path, row, f"{', '.join(USAGE)} in column Usage", repr(cell[:20]))
    return cell


def _name(path: Path, row: int, cell: str) -> str:
    if not cell:
        raise _wrong(path, row, "an image name in the first column", "none")
    return cell


def _wrong(path: Path, row: int, expected: str, found: str) -> InputError:
    return InputError(f"{path} row {row}: expected {expected}, found {found}; fetch it again")
