"""Options that several commands have, and their values. Help and completion import this file: it
must stay light.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from clfer.errors import InputError

Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|NAME|URL",
        help="A model (.safetensors, .onnx); several are averaged. Default: one in runs/.",
    ),
]
Detect = Annotated[
    bool, typer.Option("--detect/--no-detect", help="Or take pictures as face crops.")
]
Weights = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="SCRFD's weights; or $CLFER_DETECTOR.", dir_okay=False),
]
Device = Annotated[
    str | None, typer.Option(envvar="CLFER_DEVICE", help="cpu or cuda; a GPU if there is one.")
]

MOST = 100_000  # numbers of an option


def words(option: str, given: str, known: Sequence[str]) -> list[str]:
    """Names between commas, each of them a known one."""
    names = [one.strip() for one in given.split(",") if one.strip()]
    for one in names:
        if one not in known:
            raise InputError(f"{option}: expected some of {', '.join(known)}; found '{one}'")
    if not names:
        raise InputError(f"{option}: expected some of {', '.join(known)}; found none")
    return list(dict.fromkeys(names))


def numbers(option: str, given: str) -> list[int]:
    """Whole numbers between commas, and ranges such as 0-9."""
    listed: list[int] = []
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise InputError(f"{option}: expected numbers such as 0,1,2 or 0-9; found '{given}'")
        whole = range(int(first), int(last or first) + 1)
        if len(whole) > MOST:
            raise InputError(f"{option}: expected at most {MOST:,} numbers; found '{given}'")
        listed += whole
    if not listed:
        raise InputError(f"{option}: expected numbers such as 0,1,2 or 0-9; found '{given}'")
    return list(dict.fromkeys(listed))


def check_own(written: Mapping[str, Path | None], read: Iterable[Path]) -> None:
    """InputError where an option's file to write is one that is read, or another option's."""
    taken = {path.resolve() for path in read}
    for option, path in written.items():
        if path is not None and path.resolve() in taken:
            raise InputError(f"{option}: expected a file of its own; found {path}")
        if path is not None:
            taken.add(path.resolve())
