"""Which files FERPlus is made of, and whether a FER2013 is the published one."""

import hashlib
from pathlib import Path

from clfer.datasets.fer2013 import reader as fer2013
from clfer.errors import InputError
from clfer.progress import Track
from clfer.sources.kaggle import OnKaggle
from clfer.sources.obtain import Address, Published, deliver, file_name

COMPETITION = "challenges-in-representation-learning-facial-expression-recognition-challenge"
KAGGLE = f"https://www.kaggle.com/c/{COMPETITION}"
MICROSOFT = (
    "https://raw.githubusercontent.com/microsoft/FERPlus/8ad5426c7b69e86e78afccb42c5f516850f52a28"
)

SIZES = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
# SHA-256 of FER2013's emotion codes, int8 in row order: votes are joined by row, so a copy whose
# rows stand in another order would train on wrong labels without a word.
ROW_ORDER = "f794993487dfeee2db4ebcc894efaf41b3bbe6b8901490fc789a0768b54272fd"


def _layout(folder: str, sha256: str) -> Published:
    label = f"{folder}/label.csv"
    places = (f"ferplus-label/{folder}.csv", label, f"data/{label}", f"{folder}.csv")
    return Published(f"data/{label}", places, sha256)


TABLE = Published(
    path="fer2013new.csv",
    places=("fer2013new.csv",),
    sha256="9206e20d62f56475939f516847d61753e4860caeac9718b560129541b776fc2c",
)
LAYOUT = {
    "Training": _layout(
        "FER2013Train", "a82c40c825505cd30e139195c246bc38f8ac39de0e8968cbf15e1dab7837658c"
    ),
    "PublicTest": _layout(
        "FER2013Valid", "aad6298bed23cad816550362c2c00ae49b99513c7cae7d49651f347afd9ab860"
    ),
    "PrivateTest": _layout(
        "FER2013Test", "425142295cc23872651271be9f45a99dac11af426f948d1b60967c8845b7bdf2"
    ),
}


def supply(folder: Path, address: Address, track: Track) -> tuple[Path, list[str]]:
    """FER2013 where the user put it, or else fetched into that folder; verified, with lines that
    say what came and what it holds.

    InputError says which forms there are, what was tried and where to get one. What was fetched and
    is not the published FER2013 does not stay.
    """
    if found := fer2013.find(folder):
        return found, [verify(found)]
    if address.url is not None and not fer2013.is_named(file_name(address.url)):
        raise InputError(
            f"source.fer2013.url: expected an address that ends in {fer2013.ACCEPTED}, found "
            f"{address.url}; take another, or put the file into {folder}"
        )
    came, lines = deliver(folder, address, OnKaggle(COMPETITION, "fer2013.tar.gz"), track)
    if came is None:
        silence = [] if address.url is not None else ["no source.fer2013.url is given"]
        raise _missing(folder, [*silence, *lines])
    try:
        return came, [*lines, verify(came)]
    except InputError:
        came.unlink()
        raise


def placed(folder: Path) -> Path:
    """FER2013 in this folder. InputError says which forms there are and where to get one."""
    found = fer2013.find(folder)
    if found is None:
        raise _missing(folder, [])
    return found


def _missing(folder: Path, tried: list[str]) -> InputError:
    there = "none of these" if folder.is_dir() else "no such folder"
    found = "; ".join([there, *tried])
    return InputError(
        f"{folder}: expected FER2013 there or one folder down as {fer2013.ACCEPTED}, found "
        f"{found}; download it from {KAGGLE} (needs a Kaggle account) and put it there"
    )


def verify(path: Path) -> str:
    """One line that says what this FER2013 holds; InputError unless it is the published one.

    All its rows are read and have to be valid, as many as published for each usage and in the
    published order. Pixels have no published checksum.
    """
    table = fer2013.read(path)
    found = {usage: table.usage.count(usage) for usage in SIZES}
    if found != SIZES:
        raise InputError(
            f"{path}: expected {_sizes(SIZES)}, found {_sizes(found)}; "
            f"take the complete file from {KAGGLE}"
        )
    order = [usage for usage, size in SIZES.items() for _ in range(size)]
    emotions = hashlib.sha256(table.emotion.tobytes()).hexdigest()
    if table.usage != order or emotions != ROW_ORDER:
        raise InputError(
            f"{path}: expected the rows in FER2013's published order (emotions with SHA-256 "
            f"{ROW_ORDER}), found another (SHA-256 {emotions}); take the file from {KAGGLE}"
        )
    return f"FER2013: from {path}, {_sizes(found)}"


def _sizes(sizes: dict[str, int]) -> str:
    parts = ", ".join(f"{usage} {size:,}" for usage, size in sizes.items())
    return f"{sum(sizes.values()):,} rows ({parts})"
