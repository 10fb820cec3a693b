"""FERPlus: FER2013's pixels, which the user places, under FER+'s votes, which Microsoft publishes.

Everything is joined by FER2013's row. The number in an image's name is not its row, 173 rows have
no name, and four names stand on two rows.
"""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import polars as pl
from pydantic import Field

from clfer.datasets import expressions, fer2013, labels, votes
from clfer.datasets.images import is_junk
from clfer.download import Address, UnavailableError, download, file_name, from_kaggle
from clfer.errors import InputError
from clfer.files import replacing, sha256
from clfer.pictures import Opened
from clfer.progress import Track
from clfer.settings import Settings

EVIDENCE = True
SPLITS = fer2013.SPLITS
# Images with a label in train, val and test of eight classes, counted on the published files.
COUNTS = {
    ("layout", "majority"): (25_045, 3_191, 3_137),
    ("layout", "probability"): (27_947, 3_508, 3_507),
    ("layout", "crossentropy"): (27_947, 3_508, 3_507),
    ("layout", "multi_target"): (27_667, 3_472, 3_466),
    ("layout", "argmax8"): (28_558, 3_579, 3_573),
    ("layout", "argmax10"): (28_385, 3_555, 3_545),
    ("table", "majority"): (25_060, 3_199, 3_153),
    ("table", "probability"): (27_956, 3_505, 3_505),
    ("table", "crossentropy"): (27_956, 3_505, 3_505),
    ("table", "multi_target"): (27_671, 3_472, 3_472),
    ("table", "argmax8"): (28_561, 3_579, 3_574),  # all rows with a name
    ("table", "argmax10"): (28_389, 3_553, 3_546),
}
SOURCES = {"layout": "Microsoft's label.csv per split", "table": "fer2013new.csv by row"}
MODES = {
    "majority": "majority",
    "probability": "Microsoft's probability rule",
    "crossentropy": "Microsoft's cross-entropy rule",
    "multi_target": "Microsoft's multi-target rule",
    "argmax8": "argmax over the 8 emotions, nothing dropped",
    "argmax10": "argmax over all 10 columns",
}

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


TABLE_SHA256 = "9206e20d62f56475939f516847d61753e4860caeac9718b560129541b776fc2c"
TRAIN_SHA256 = "a82c40c825505cd30e139195c246bc38f8ac39de0e8968cbf15e1dab7837658c"
VALID_SHA256 = "aad6298bed23cad816550362c2c00ae49b99513c7cae7d49651f347afd9ab860"
TEST_SHA256 = "425142295cc23872651271be9f45a99dac11af426f948d1b60967c8845b7bdf2"
TABLE = Published("fer2013new.csv", ("fer2013new.csv",), TABLE_SHA256)
LAYOUT = {
    "Training": _layout("FER2013Train", TRAIN_SHA256),
    "PublicTest": _layout("FER2013Valid", VALID_SHA256),
    "PrivateTest": _layout("FER2013Test", TEST_SHA256),
}

SIZES = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
# SHA-256 of FER2013's emotion codes, int8 in row order: votes are joined by row, so a copy whose
# rows stand in another order would train on wrong labels without a word.
ROW_ORDER = "f794993487dfeee2db4ebcc894efaf41b3bbe6b8901490fc789a0768b54272fd"


class Source(Settings):
    """Where the user put FER2013, where to download it otherwise, and where Microsoft's files: null
    for GitHub.
    """

    folder: Path = Field(strict=False)
    fer2013: Address
    url: str | None


class Labels(Settings):
    """Whose votes count, those of SOURCES, and by which rule, one of MODES."""

    source: Literal["layout", "table"]
    mode: Literal["majority", "probability", "crossentropy", "multi_target", "argmax8", "argmax10"]
    classes: Literal[8, 7]  # 7: without contempt, whose images are dropped


def fetch(source: Source, base: Path, raw: Path, track: Track) -> list[str]:
    """Put FER2013, verified, and FER+'s label files into `raw`; lines about where each came from.

    They are taken from `source.folder`, where they are downloaded to if they are not there.
    InputError says what is wrong, and names everything that is missing at once.
    """
    folder = base / source.folder
    faces, lines = _faces(folder, source.fer2013, track)
    raw.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=raw, prefix=".fer2013.") as scratch:
        failure = "not tried without FER2013"
        if faces:
            failure = ""
            try:
                table = fer2013.unpacked(faces, Path(scratch))
                verified = f"FER2013: from {faces}, {_verify(table, faces)}"
            except InputError:
                if lines:  # of its download: what is not the published FER2013 does not stay
                    faces.unlink()
                raise
        found, unavailable = _labels(folder, source.url or MICROSOFT, track, failure)
        if not faces or unavailable:
            absent = [*([] if faces else lines), *unavailable]
            raise InputError(
                f"{folder}: expected FER2013 and FER+'s label files there, found "
                f"{'; '.join(absent)}; put what is missing there"
            )
        for place, path in ((table, table.name), *((place, file.path) for file, place in found)):
            with replacing(raw / path) as temporary:
                shutil.copyfile(place, temporary)
    published = (f"{file.path}: from {place}, SHA-256 as published" for file, place in found)
    return [*lines, verified, *published]


def label(raw: Path, chosen: Labels) -> tuple[pl.DataFrame, list[str]]:
    """All 35,887 rows as the table of `clfer.datasets.labels`; nothing to remark.

    `votes` are null where the source has none, `label` and `target` (see `votes.with_labels`) where
    the rule drops the row; FER+ has neither landmarks nor boxes. InputError unless as many images
    have a label as in the published files.
    """
    table = votes.read_votes(raw / TABLE.path)
    if chosen.source == "layout":
        table = _with_layout_votes(table, raw)
    _count(votes.with_labels(table, chosen.mode, expressions.FERPLUS), raw, chosen)
    classes = expressions.FERPLUS[: chosen.classes]
    return labels.table(votes.with_labels(table, chosen.mode, classes), classes), []


def pictures(raw: Path, base: Path) -> Opened:
    """The images by `row` of the table."""
    if path := fer2013.find(raw):
        return fer2013.pictures(path)
    raise InputError(f"{raw}: expected FER2013, found none; download again")


def protocol(chosen: Labels, table: pl.DataFrame) -> str:
    mode = MODES[chosen.mode]
    return f"FERPlus, {SOURCES[chosen.source]}, {mode}, {chosen.classes} classes"


def _with_layout_votes(table: pl.DataFrame, raw: Path) -> pl.DataFrame:
    """The table with the layout's votes instead; a name on two rows goes to the first of them."""
    layout = pl.concat(
        votes.read_layout(raw / file.path).with_columns(usage=pl.lit(usage))
        for usage, file in LAYOUT.items()
    )
    first = table.filter(pl.col("name").is_not_null() & pl.col("name").is_first_distinct())
    by_row = layout.join(first.select("row", "name", "usage"), on=["name", "usage"])
    return table.drop("votes").join(
        by_row.select("row", "votes"), on="row", how="left", maintain_order="left"
    )


def _count(table: pl.DataFrame, raw: Path, chosen: Labels) -> None:
    expected = COUNTS[chosen.source, chosen.mode]
    for (usage, split), count in zip(SPLITS.items(), expected, strict=True):
        if (found := table.filter(usage=usage)["label"].count()) != count:
            file = LAYOUT[usage] if chosen.source == "layout" else TABLE
            raise InputError(
                f"{raw / file.path}: expected {count:,} images with a label in {split} (source "
                f"{chosen.source}, mode {chosen.mode}), found {found:,}; fetch the file again"
            )


def _faces(folder: Path, address: Address, track: Track) -> tuple[Path | None, list[str]]:
    """FER2013 in the user's folder, or fetched into it, and a line about that; None, and why."""
    if found := fer2013.find(folder):
        return found, []
    tried = []
    if address.url is not None:
        target = folder / file_name(address.url)
        if target.name not in fer2013.FORMS and target.suffix.lower() != ".zip":
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
    others = sorted(one.name for one in folder.glob("*") if not is_junk(one.name))[:5]
    instead = f" but {', '.join(others)}" if others else ""
    return None, [
        f"no FER2013 there or one folder down as {fer2013.ACCEPTED}{instead} ({'; '.join(tried)}): "
        f"download it from {KAGGLE} (needs a Kaggle account)"
    ]


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
