"""Tool predict: the expressions of faces in photos, folders and videos."""

import heapq
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, groupby
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from jaxtyping import UInt8
from PIL import Image

from clfer.errors import InputError
from clfer.figures.annotation import annotated
from clfer.files import replacing
from clfer.inference.frames import Frame, Source, Video, quiet, read, sources
from clfer.inference.output import film, row, tables
from clfer.inference.predictor import Predictor, Result
from clfer.pictures import UnreadableError
from clfer.report.numbers import plural, short
from pipeline import models
from pipeline.console import say, table, track
from pipeline.options import Detect, Device, Finder, Models, check_own

QUALITY = 92  # of JPEGs that are drawn
SHOWN = 50  # faces in the table; files have all of them
NAMED = 5  # pictures that a line names
LONGEST = 32  # letters of a name in the table, which fits 80 columns


def predict(
    given: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Pictures, videos, folders; - reads names."),
    ],
    model: Models = None,
    csv: Annotated[Path | None, typer.Option(help="A row per face.", dir_okay=False)] = None,
    json: Annotated[Path | None, typer.Option(help="The same as a list.", dir_okay=False)] = None,
    parquet: Annotated[Path | None, typer.Option(help="The same.", dir_okay=False)] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pictures and videos with boxes and labels.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A plot of expressions for each video.")
    ] = None,
    detect: Detect = True,
    detector: Finder = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="No label below this probability.")
    ] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Of a video, only each such frame.")] = 1,
    device: Device = None,
) -> None:
    """Say the expressions of the faces in photos, folders and videos.

    A picture that can't be read is named and left out; the command fails if none can be.
    """
    wanted = sources(given, sys.stdin)
    tables_of = {"--csv": csv, "--json": json, "--parquet": parquet}
    check_own(tables_of, [source.path for source in wanted])
    written = list(filter(None, tables_of.values()))
    predictor = models.predictor(model, detector, device, detect)
    job = Job(predictor, min_confidence, draw, timeline, every)
    with quiet(), tables(predictor.classes, csv, json, parquet) as write:
        for result in job.results(wanted):
            for face in result.faces:
                write(row(result.frame, face, min_confidence))
        if not job.pictures.frames and not job.videos:
            job.report(None)
            raise InputError(
                f"{given[0]}: expected at least one picture or video that can be read, found none"
            )
    job.report(next(iter(written), None))
    faces = sum(counts.faces for counts in (job.pictures, *job.videos))
    for path in written:
        say([], f"{plural(faces, 'face')}: {path}")
    for folder in filter(None, (draw, timeline)):
        say([], f"to look at: {folder}")


@dataclass
class Counts:
    """Over the frames of a video, or over pictures: those that could be read and that could not,
    those without a face, faces, and faces of each label.
    """

    name: str
    frames: int = 0
    broken: int = 0
    empty: int = 0
    faces: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, result: Result, minimum: float) -> None:
        if result.problem is not None:
            self.broken += 1
            return
        self.frames += 1
        self.empty += not result.faces
        self.faces += len(result.faces)
        self.labels.update(face.shown(minimum) for face in result.faces)

    def row(self) -> list[str]:
        common = [f"{name} {100 * n / self.faces:.0f} %" for name, n in self.labels.most_common(2)]
        frames = f"{self.frames:,}" + (f", {self.broken:,} broken" if self.broken else "")
        name = short(self.name, LONGEST)
        return [name, frames, f"{self.empty:,}", f"{self.faces:,}", ", ".join(common)]


@dataclass
class Job:
    """One call of the command: draws every result where that is wanted, and keeps what the tables
    at its end show.

    minimum: probability below which a face has no label
    """

    predictor: Predictor
    minimum: float
    draw: Path | None
    timeline: Path | None
    every: int
    pictures: Counts = field(default_factory=lambda: Counts("pictures"))
    videos: list[Counts] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def results(self, wanted: list[Source]) -> Iterator[Result]:
        """Of pictures and frames of videos, in their order."""
        for is_video, group in groupby(wanted, key=lambda source: source.is_video):
            if is_video:
                yield from chain.from_iterable(map(self._video, group))
            else:
                yield from self._pictures(list(group))

    def _pictures(self, group: list[Source]) -> Iterator[Result]:
        by_path = {str(source.path): source for source in group}
        frames = (
            Frame(str(source.path), lambda path=source.path: read(path))  # type: ignore[misc]
            for source in track(group, "pictures")
        )
        for result in self.predictor.stream(frames, keep=self.draw is not None):
            source = by_path[result.frame.name]
            self._count(result, str(source.name))
            if self.draw is not None and result.picture is not None:
                target = _target(self.draw, source, (".png", ".jpg", ".jpeg"))
                with replacing(target) as temporary:
                    Image.fromarray(self._annotated(result)).save(temporary, quality=QUALITY)
            yield result

    def _count(self, result: Result, name: str) -> None:
        """One more picture, under this name."""
        self.pictures.add(result, self.minimum)
        if result.problem is not None:
            self.unreadable.append(f"{result.frame.name}: {result.problem}")
        elif not result.faces:
            self.without.append(result.frame.name)
        for number, face in enumerate(result.faces[: SHOWN - len(self.rows)], start=1):
            best, second = heapq.nlargest(2, face.probability.items(), key=lambda pair: pair[1])
            first, of = "" if number > 1 else short(name, LONGEST), f"{number}/{len(result.faces)}"
            probabilities = [f"{best[1]:.2f}", f"{second[0]} {second[1]:.2f}"]
            self.rows.append([first, of, face.shown(self.minimum), *probabilities])

    def _video(self, source: Source) -> Iterator[Result]:
        try:
            video = Video(source.path, self.every)
        except UnreadableError as error:
            self.unreadable.append(f"{source.path}: {error}")
            return
        counts, timeline, draw = Counts(str(source.name)), None, None
        if self.timeline is not None:
            from clfer.figures.timeline import Timeline  # matplotlib, half a second

            timeline = Timeline(self.predictor.classes)
        frames: Iterable[Frame] = track(video, counts.name)  # type: ignore[arg-type]
        with ExitStack() as stack:
            if self.draw is not None:
                target = _target(self.draw, source, (".mp4",))
                draw = stack.enter_context(film(target, 1 / video.step))
            for result in self.predictor.stream(frames, keep=draw is not None):
                if draw is not None and result.picture is not None:
                    draw(self._annotated(result))
                if timeline is not None and result.problem is None:
                    timeline.add(result.frame.seconds or 0.0, result.faces)
                counts.add(result, self.minimum)
                yield result
        if not counts.frames:
            self.unreadable.append(f"{source.name}: no frame that can be decoded")
            return
        self.videos.append(counts)
        if self.timeline is not None and timeline is not None:
            title = f"{source.name}: mean over the faces in view"
            timeline.draw(title, _target(self.timeline, source, (".png",)))

    def _annotated(self, result: Result) -> UInt8[np.ndarray, "H W 3"]:
        """The picture of a result, with its faces."""
        assert result.picture is not None
        return annotated(result.picture, result.faces, self.predictor.classes, self.minimum)

    def report(self, file: Path | None) -> None:
        """Print the tables on standard output. file: one that has all faces."""
        counts = self.pictures
        if self.rows:
            title = f"{plural(counts.faces, 'face')} in {plural(counts.frames, 'picture')}"
            table(title, ["file", "face", "expression", "p", "then"], self.rows)
        if (more := counts.faces - len(self.rows)) > 0:
            say([], f"and {more:,} more: {file or '--csv FILE'} has all")
        if self.videos:
            columns = ["video", "frames", "no face", "faces", "expressions"]
            table("videos", columns, [video.row() for video in self.videos])
        for names, heading in (
            (self.without, f"no face found in {plural(len(self.without), 'picture')}"),
            (self.unreadable, f"could not be read, and left out: {len(self.unreadable):,}"),
        ):
            more = len(names) - NAMED
            if names:
                say(names[:NAMED] + ([f"and {more:,} more"] if more > 0 else []), heading)


def _target(folder: Path, source: Source, endings: tuple[str, ...]) -> Path:
    """Where a picture of a source is drawn: under its name, with the first of these endings unless
    it has one of them. InputError where that would replace the source.
    """
    ending = "" if source.name.suffix.lower() in endings else endings[0]
    target = folder / source.name.with_name(source.name.name + ending)
    if target.exists() and target.samefile(source.path):
        raise InputError(f"--draw: expected another folder than that of {source.path}")
    return target
