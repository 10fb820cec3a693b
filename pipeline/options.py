"""Arguments and options that several commands have, and what a shell offers for them. Help and
completion import this file: it must stay light.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from clfer.errors import InputError, did_you_mean

MOST = 1_000  # numbers of an option
SEEDS = 2**31 - 1  # the largest


def names(*block: str) -> Callable[[], list[str]]:
    """What a shell offers: the names or values of a block of params.yaml; none outside a checkout,
    or where the file is broken.
    """

    def offered() -> list[str]:
        from pipeline import params  # a tenth of a second that only this needs

        try:
            return [str(one) for one in params.block(*block)]
        except (InputError, OSError, TypeError):
            return []

    return offered


DATASETS, VARIANTS, RECIPES = (names(block) for block in ("datasets", "variants", "recipes"))
LISTED = "demo, ferplus, raf_db, sfew, affectnet or folder (your own images)"

Dataset = Annotated[
    str, typer.Argument(metavar="DATASET", help=f"{LISTED}.", autocompletion=DATASETS)
]
Variant = Annotated[
    str,
    typer.Argument(
        metavar="VARIANT", help="A row of variants in params.yaml.", autocompletion=VARIANTS
    ),
]
Seed = Annotated[
    int,
    typer.Argument(metavar="SEED", min=0, max=SEEDS, autocompletion=names("run", "seeds")),
]
Processes = Annotated[
    int, typer.Option(min=1, help="Processes of this machine that share the images.")
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|NAME|URL",
        help="A model (.safetensors, .onnx, hf:owner/name); several are averaged. Default: one "
        "trained here on real faces, or the package's own, ferplus.",
    ),
]
Detect = Annotated[
    bool, typer.Option("--detect/--no-detect", help="Or treat pictures as face crops.")
]
Finder = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="yunet|insightface|FILE",
        envvar="CLFER_DETECTOR",
        help="What finds the faces; default: yunet.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="cpu|cuda|cuda:N",
        envvar="CLFER_DEVICE",
        help="Of models and SCRFD; default: cpu, but for .safetensors a GPU if there is one.",
    ),
]


def check_among(option: str, name: str, known: Sequence[str]) -> None:
    """InputError with the nearest name unless `name` is a known one."""
    if name not in known:
        raise InputError(f"{option}: there is no '{name}'{did_you_mean(name, known)}")


def words(option: str, given: str, known: Sequence[str]) -> list[str]:
    """Names between commas, each of them a known one."""
    listed = [one.strip() for one in given.split(",") if one.strip()]
    if not listed:
        raise InputError(f"{option}: expected some of {', '.join(known)}; found none")
    for one in listed:
        check_among(option, one, known)
    return list(dict.fromkeys(listed))


def numbers(option: str, given: str) -> list[int]:
    """Whole numbers between commas, and ranges such as 0-9: at most MOST of them, up to SEEDS."""
    wrong = InputError(
        f"{option}: expected numbers such as 0,1,2 or 0-9, up to {SEEDS:,}; found '{given[:60]}'"
    )
    listed: list[int] = []
    for part in given.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last) if dash else (first, first)
        if not all(one.isdecimal() and len(one) <= len(str(SEEDS)) for one in ends):
            raise wrong
        whole = range(int(ends[0]), int(ends[1]) + 1)
        if whole.stop > SEEDS + 1:
            raise wrong
        if len(listed) + len(whole[: MOST + 1]) > MOST:
            raise InputError(f"{option}: expected at most {MOST:,} numbers; found '{given}'")
        listed += whole
    if not listed:
        raise wrong
    return list(dict.fromkeys(listed))


def check_own(written: Iterable[tuple[str, Path | None]], read: Iterable[str | Path]) -> None:
    """InputError where an option's file to write is one that is read, or another option's."""
    taken: dict[str, str] = {}
    for option, path in written:
        if path is not None:
            said = f"{option}: expected a file of its own; found {path}"
            if taken.setdefault(os.path.realpath(path), said) is not said:
                raise InputError(said)
    for file in read if taken else ():
        if os.path.realpath(file) in taken:
            raise InputError(taken[os.path.realpath(file)])
