"""The files of FERPlus: FER2013, which the user places, and FER+'s labels, which are downloaded."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from clfer.datasets import fer2013
from clfer.download import Address, UnavailableError, download, file_name, from_kaggle
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.progress import Track
from clfer.settings import Settings

COMPETITION = "challenges-in-representation-learning-facial-expression-recognition-challenge"
KAGGLE = f"https://www.kaggle.com/c/{COMPETITION}"
MICROSOFT = (
    "https://raw.githubusercontent.com/microsoft/FERPlus/8ad5426c7b69e86e78afccb42c5f516850f52a28"
)


class Published(NamedTuple):
    """A label file. `path`: below Microsoft's address and below the raw files; `places`: below the
    user's folder, where it may lie.
    """

    path: str
    places: tuple[str, ...]
    sha256: str


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

SIZES = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
# SHA-256 of FER2013's emotion codes, int8 in row order: votes are joined by row, so a copy whose
# rows stand in another order would train on wrong labels without a word.
ROW_ORDER = "f794993487dfeee2db4ebcc894efaf41b3bbe6b8901490fc789a0768b54272fd"


class Source(Settings):
    """Where the user put FER2013, where to download it otherwise, and where Microsoft's files: null
    for GitHub.
    """

    folder: Path
    fer2013: Address
    url: str | None


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Put FER2013, verified, and FER+'s label files into `raw`; lines about where each came from.

    They are taken from `source.folder`, where they are downloaded to if they are not there.
    InputError says what is wrong, and names everything that is missing at once.
    """
    folder = base / source.folder
    faces, lines = _faces(folder, source.fer2013, track)
    raw.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=raw, prefix=".fer2013.") as scratch:
        absent, table = ([], _verified(faces, Path(scratch), lines)) if faces else (lines, None)
        failure = "" if faces else "not tried without FER2013"
        found, unavailable = _labels(folder, source.url or MICROSOFT, track, failure)
        if table is None or unavailable:
            raise InputError(
                f"{folder}: expected FER2013 and FER+'s label files there, found "
                f"{'; '.join([*absent, *unavailable])}; put what is missing there"
            )
        _copy(table, raw / table.name)
    for file, place in found:
        _copy(place, raw / file.path)
    return [*lines, *(f"{file.path}: from {place}, SHA-256 as published" for file, place in found)]


def _faces(folder: Path, address: Address, track: Track) -> tuple[Path | None, list[str]]:
    """FER2013 in the user's folder, or fetched into it, and a line about that; None, and why."""
    if found := fer2013.find(folder):
        return found, []
    tried = []
    if address.url is not None:
        target = folder / file_name(address.url)
        if target.name not in fer2013.FORMS and target.suffix != ".zip":
            raise InputError(
                f"source.fer2013.url: expected an address that ends in {fer2013.ACCEPTED}, found "
                f"{address.url}; take another, or put the file into {folder}"
            )
        try:
            download(address.url, target, address.sha256, track)
            compared = "SHA-256 as given" if address.sha256 else "its SHA-256 not compared"
            return target, [f"{target.name}: from {address.url}, {compared}"]
        except UnavailableError as error:
            tried.append(f"at {address.url}: {error.reason}")
    target = folder / fer2013.TAR
    try:
        from_kaggle(COMPETITION, target.name, target, None if address.url else address.sha256)
        return target, [f"{target.name}: from Kaggle ({COMPETITION})"]
    except UnavailableError as error:
        tried.append(f"at Kaggle: {error.reason}")
    return None, [
        f"no FER2013 there or one folder down as {fer2013.ACCEPTED} ({'; '.join(tried)}): download "
        f"it from {KAGGLE} (needs a Kaggle account)"
    ]


def _verified(faces: Path, scratch: Path, lines: list[str]) -> Path:
    """The csv or .npz of this FER2013, with a line about it added. A downloaded file that is not
    the published FER2013 is removed.
    """
    try:
        table = fer2013.unpacked(faces, scratch)
        lines.append(f"FER2013: from {faces}, {_verify(table, faces)}")
    except InputError:
        if lines:  # of its download
            faces.unlink()
        raise
    return table


def _labels(
    folder: Path, address: str, track: Track, failure: str
) -> tuple[list[tuple[Published, Path]], list[str]]:
    """FER+'s files, each with its place in the user's folder, downloaded if need be; what is
    missing, for people. After a failure no download is tried.
    """
    found: list[tuple[Published, Path]] = []
    absent: list[str] = []
    for file in (TABLE, *LAYOUT.values()):
        url = f"{address.rstrip('/')}/{file.path}"
        places = [folder / place for place in file.places]
        place = next((place for place in places if place.is_file()), None)
        if place and (other := sha256(place)) != file.sha256:
            raise InputError(
                f"{place}: expected SHA-256 {file.sha256}, found {other}; remove it to have it "
                f"downloaded, or take it from {url}"
            )
        if place is None and not failure:
            try:
                download(url, places[0], file.sha256, track)
                place = places[0]
            except UnavailableError as error:
                failure = error.reason
        if place:
            found.append((file, place))
        else:
            absent.append(f"no {file.places[0]} (from {url})")
    return found, [*absent, f"their download: {failure}"] if absent else []


def _copy(place: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(place, temporary)


def _verify(path: Path, shown: Path) -> str:
    """What this FER2013 holds; InputError unless it is the published one.

    All its rows have to be valid, as many as published for each usage, in the published order.
    Pixels have no published checksum.
    """
    table = fer2013.read(path, shown)
    found = {usage: table.usage.count(usage) for usage in SIZES}
    if found != SIZES:
        raise InputError(
            f"{shown}: expected {_sizes(SIZES)}, found {_sizes(found)}; "
            f"take the complete file from {KAGGLE}"
        )
    order = [usage for usage, size in SIZES.items() for _ in range(size)]
    emotions = hashlib.sha256(table.emotion.tobytes()).hexdigest()
    if table.usage != order or emotions != ROW_ORDER:
        raise InputError(
            f"{shown}: expected the rows in FER2013's published order (emotions with SHA-256 "
            f"{ROW_ORDER}), found another (SHA-256 {emotions}); take the file from {KAGGLE}"
        )
    return _sizes(found)


def _sizes(sizes: dict[str, int]) -> str:
    parts = ", ".join(f"{usage} {size:,}" for usage, size in sizes.items())
    return f"{sum(sizes.values()):,} rows ({parts})"
