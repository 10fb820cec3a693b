"""What a file of predictions answers, brought onto the test images of a dataset.

Notation: N images, M classes of the file.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import polars as pl
from jaxtyping import Float

from clfer.datasets import labels
from clfer.datasets.expressions import canonical
from clfer.datasets.transfer import Shared, restricted, shared
from clfer.errors import InputError, did_you_mean, in_one_line
from clfer.scoring.prediction_files import ANSWERS, KEYS, PREFIX, classes_of, refusal, table
from clfer.scoring.scores import TOLERANCE, predicted

ROUNDED = 0.01  # by which rounded probabilities may miss 1 in sum
TRACE = 1e-6  # more than float32 rounds


@dataclass(frozen=True)
class Truth:
    """The test images. images: as `clfer.scoring.scores` wants them but for the predictions, in
    row order; rows: `row` and `name` of all images of the dataset.
    """

    dataset: str
    images: pl.DataFrame
    rows: pl.DataFrame

    @property
    def classes(self) -> tuple[str, ...]:
        return labels.classes(self.images)


@dataclass(frozen=True)
class Read:
    """A file on the test images that it answers.

    predictions: a table as `clfer.scoring.scores` describes it, over the classes that the file and
    the dataset share. labels_only: its probabilities are 1 for the answer. missing: test images
    without an answer; beside: answers to images that are no test images; unknown: to images that
    the dataset has not, and the first of them.
    """

    path: Path
    predictions: pl.DataFrame
    labels_only: bool
    missing: int
    beside: int
    unknown: int
    first_unknown: str

    def coverage(self, truth: Truth) -> str:
        """What a name has to say where the file is about a part: '7 of 8 classes'; '' elsewhere."""
        classes = labels.classes(self.predictions)
        wanted = truth.images["label"].cast(pl.String).is_in(classes).sum()
        said = []
        if len(classes) < len(truth.classes):
            said.append(f"{len(classes)} of {len(truth.classes)} classes")
        if len(self.predictions) < wanted:
            said.append(f"{len(self.predictions):,} of {wanted:,} test images")
        return ", ".join(said)


def read(path: Path, truth: Truth, meaning: Mapping[str, str]) -> Read:
    """A file on the test images. meaning: of its names of classes, what they are in the dataset.

    Raises InputError, in one line, where it can't be read, an image stands twice, an answer is none
    or is inconsistent, or most images are not of this dataset.
    """
    found = table(path, truth.images["row"], truth.classes)
    try:
        answers = _Answers(path, found, truth, meaning)
        key = next((one for one in KEYS if one in found.columns), None)
        if key is None:
            raise refusal(path, f"a column {', '.join(KEYS[:-1])} or {KEYS[-1]}", _columns(found))
        place, beside, unknown = _matched(path, found[key], truth)
        kept = np.flatnonzero(place >= 0)
        order = kept[np.argsort(place[kept], kind="stable")]
        images = truth.images[place[order]]
        predictions = answers.on(images, order)
    except labels.DAMAGE as error:  # a column of lists, dates or whatever else can be in a table
        others = f"others ({in_one_line(error)})"
        raise refusal(path, "images, labels and probabilities", others) from error
    if predictions.is_empty():
        raise refusal(path, f"answers to test images of {truth.dataset}", "none")
    return Read(
        path=path,
        predictions=predictions,
        labels_only=answers.probability is None,
        missing=len(truth.images) - len(images),
        beside=beside,
        unknown=len(unknown),
        first_unknown=str(unknown[0]) if len(unknown) else "",
    )


class _Answers:
    """What a file answers, a line for each image."""

    def __init__(
        self, path: Path, found: pl.DataFrame, truth: Truth, meaning: Mapping[str, str]
    ) -> None:
        self.path, self.truth, self.meaning = path, truth, meaning
        self.probability: Float[np.ndarray, "N M"] | None = None
        self.label: pl.Series | None = None
        self.classes: tuple[str, ...] = ()
        columns = [one for one in found.columns if one.startswith(PREFIX)]
        answer = next((one for one in ANSWERS if one in found.columns), None)
        if columns:
            self._take([one.removeprefix(PREFIX) for one in columns], found.select(columns))
        elif "probability" in found.columns:
            self._take(classes_of(path, found) or truth.classes, found.select("probability"))
        if answer:
            self.label = self._labels(found[answer])
        if self.probability is None and self.label is None:
            expected = f"`label`, or a column {PREFIX}CLASS for each class"
            raise refusal(path, expected, _columns(found))

    def _take(self, names: Sequence[str], found: pl.DataFrame) -> None:
        self.classes = tuple(self._class(name) for name in names)
        try:
            values = found.to_numpy() if len(found.columns) > 1 else found.to_series().to_numpy()
            values = np.stack([*values]) if values.dtype == object else values
            values = values if values.dtype in (np.float16, np.float32) else values.astype(float)
        except (ValueError, TypeError, pl.exceptions.PolarsError):
            raise refusal(self.path, "probabilities", "a column of something else") from None
        if values.ndim != 2 or values.shape[1] != len(names):
            shape = "x".join(map(str, values.shape))
            raise refusal(self.path, f"a probability for each of {len(names)} classes", shape)
        total = values.astype(float).sum(axis=1)
        valid = (values >= 0).all(axis=1) & (np.abs(total - 1) <= ROUNDED)
        if not valid.all():  # NaN is not valid either
            line = int(np.argmin(valid))
            shown = ", ".join(f"{one:.4g}" for one in values[line])
            raise refusal(
                self.path,
                "probabilities that sum to 1 in every line (leave out the line of an image without "
                "an answer)",
                f"{(~valid).sum():,} lines with others (first: line {line + 1}, {shown})",
            )
        rounded = values.dtype == np.float16 or np.abs(total - 1).max() > TOLERANCE
        values = values.astype(np.float32)
        self.probability = values / values.sum(axis=1, keepdims=True) if rounded else values

    def _labels(self, found: pl.Series) -> pl.Series:
        """The answers, by the names that the dataset has for them."""
        text = found.cast(pl.String, strict=False)
        if count := text.null_count():
            line = int(np.argmax(text.is_null().to_numpy())) + 1
            raise refusal(
                self.path,
                "an answer in every line (leave out the line of an image without one)",
                f"{count:,} without (first: line {line})",
            )
        known = {name: self._class(name) for name in text.unique(maintain_order=True)}
        return text.replace_strict(known)

    def _class(self, name: str) -> str:
        """The dataset's name of a class, or of an expression that it lacks; InputError of none."""
        plain = self.meaning.get(name, name).strip()
        meant = canonical(plain)
        for same in (str.__str__, str.casefold, canonical):
            ours = {same(one): one for one in self.truth.classes}
            if (said := same(plain)) is not None and said in ours:
                return ours[said]
        if meant is not None:
            return meant
        raise InputError(
            f"{self.path}: expected the name of a class, found {plain[:60]!r}"
            f"{did_you_mean(plain[:60], self.truth.classes)}; or --mapping FILE says what it means"
        )

    def on(self, images: pl.DataFrame, order: np.ndarray) -> pl.DataFrame:
        """The predictions for `images`, which the lines `order` are about."""
        own = self.truth.classes
        if self.probability is None:
            assert self.label is not None
            answered = self.label[order]
            if absent := [one for one in answered.unique() if one not in own]:
                raise InputError(
                    f"{self.path}: expected answers among {', '.join(own)}, found "
                    f"{answered.is_in(absent).sum():,} that are {absent[0]}; hand in "
                    f"{PREFIX}CLASS columns instead, of which the others are left out"
                )
            codes = answered.cast(pl.Enum(own)).to_physical().to_numpy()
            return predicted(images, np.eye(len(own), dtype=np.float32)[codes], own)
        given = self.probability[order]
        if self.label is not None:
            given = self._as_labelled(given, self.label[order], order)
        if self.classes == own:
            return predicted(images, given, own)
        shared(self.classes, own)  # raises where fewer than two are common
        common = tuple(one for one in own if one in self.classes)
        place = {name: i for i, name in enumerate(common)}
        of_model, of_data = (tuple(map(place.get, names)) for names in (self.classes, own))
        return restricted(images, given, Shared(common, of_model, of_data, (), ())).drop(
            "preferred_another"
        )

    def _as_labelled(
        self, given: np.ndarray, label: pl.Series, order: np.ndarray
    ) -> Float[np.ndarray, "N M"]:
        """The probabilities, of equally probable classes a trace more for the answer; InputError
        where a line's answer is not its most probable class.
        """
        place = {name: i for i, name in enumerate(self.classes)}
        codes = np.array([place.get(one, -1) for one in label])
        said = given[np.arange(len(given)), codes]
        wrong = (codes < 0) | (said < given.max(axis=1))
        if wrong.any():
            line = order[np.argmax(wrong)] + 1
            raise refusal(
                self.path,
                "the label that is most probable",
                f"{wrong.sum():,} lines with another (first: line {line}); leave one of them out",
            )
        tied = np.flatnonzero(given.argmax(axis=1) != codes)
        given[tied, codes[tied]] *= 1 + TRACE
        return given


def _matched(path: Path, key: pl.Series, truth: Truth) -> tuple[np.ndarray, int, pl.Series]:
    """For each line the place of its image among the test images, -1 of any other; the number of
    lines about other images of the dataset; the images that the dataset does not have.
    """
    if key.null_count():
        raise refusal(path, f"a {key.name} in every line", f"{key.null_count():,} without")
    theirs, tested, others = _comparable(path, key, truth)
    if len(again := key.filter(~theirs.is_first_distinct())):
        repeated = f"{len(again):,} that repeat an image (first: {again[0]})"
        raise refusal(path, "a line for each image", repeated)
    places = {one: place for place, one in enumerate(tested)}
    place = np.array([places.get(one, -1) for one in theirs], np.int64)
    no_test = place < 0
    known = theirs.is_in(others.implode()).to_numpy()
    unknown = key.filter(pl.Series(no_test & ~known))
    if len(unknown) > len(theirs) / 2:
        absent = f"{len(unknown):,} of {len(theirs):,} that it does not have (first: {unknown[0]})"
        raise refusal(path, f"images of {truth.dataset}", absent)
    return place, int((no_test & known).sum()), unknown


def _comparable(path: Path, key: pl.Series, truth: Truth) -> tuple[pl.Series, pl.Series, pl.Series]:
    """The key of each line, of each test image, and of all images of the dataset."""
    if key.name == "row":
        if not key.dtype.is_integer():
            raise refusal(path, "whole numbers as row", f"{str(key[0])[:40]!r}")
        rows = key.cast(pl.Int64)
        return rows, truth.images["row"], truth.rows["row"]
    names = truth.images.select("row").join(truth.rows, on="row", how="left", maintain_order="left")
    theirs = key.cast(pl.String)
    if (steering := theirs.filter(theirs.str.contains(r"\p{Cc}"))).len():
        raise refusal(path, f"printable letters as {key.name}", repr(steering[0][:60]))
    known = {_plain(one) for one in truth.rows["name"].drop_nulls()}

    def ending(path: str) -> str:
        """The name of an image in which the path ends, the longest; else the path."""
        plain = _plain(path)
        parts = plain.split("/")
        tails = ("/".join(parts[first:]) for first in range(len(parts)))
        return next((tail for tail in tails if tail in known), plain)

    for part in (ending, _stem):
        one, tested, others = (
            series.map_elements(part, pl.String, skip_nulls=True)
            for series in (theirs, names["name"], truth.rows["name"])
        )
        if tested.drop_nulls().is_duplicated().any():
            continue
        if one.is_in(tested.drop_nulls().implode()).any():
            return one, tested, others.drop_nulls()
    raise refusal(path, f"images of {truth.dataset} by {key.name}", f"{str(key[0])[:60]!r}")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.replace("\\", "/").casefold())


def _stem(name: str) -> str:
    """fer0032220 of any/folder/fer0032220.png; test_0001 of test_0001_aligned.jpg."""
    return PurePosixPath(_plain(name)).stem.removesuffix("_aligned")


def _columns(found: pl.DataFrame) -> str:
    return f"the columns {', '.join(found.columns)}"[:200]
