"""Tool predict: the expressions of faces in photos, folders and videos."""

import heapq
import io
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
from clfer.files import fingerprint, replacing, sha256, write_bytes
from clfer.inference.frames import Frame, Source, Video, free_name, quiet, read, sources
from clfer.inference.output import file_name, film, row, tables
from clfer.inference.predictor import Predictor, Result
from clfer.pictures import UnreadableError
from clfer.report.numbers import plural, short
from pipeline import models, shards
from pipeline.console import plain, say, table, track
from pipeline.options import Detect, Device, Finder, Models, check_own

PLOT = (".png",)  # endings of a timeline
QUALITY = 92  # of JPEGs that are drawn
SHOWN = 50  # faces in the table; files have all of them
NAMED = 5  # pictures that a line names
LONGEST = 32  # letters of a name in the table, which fits 80 columns


def predict(
    given: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Pictures, videos, folders; -: names on stdin."),
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
    every: Annotated[int, typer.Option(min=1, help="Use every Nth video frame only.")] = 1,
    device: Device = None,
    shard: shards.Option = None,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the faces of --shard go.")
    ] = None,
) -> None:
    """Name the expressions of the faces in photos, folders and videos.

    A picture that can't be read is named and left out; the command fails if none can be. Shards
    leave their faces in --to; the same command without --shard puts them together, as
    faces.parquet.
    """
    wanted = sources(given, map(os.fsdecode, sys.stdin.buffer) if sys.stdin else ())
    if (shard or to) and (not to or csv or json or parquet):
        raise InputError("--shard: expected --to DIR, without --csv, --json and --parquet")
    part = shards.parsed(shard) if shard else None
    drawn = _targets(draw, wanted, _drawn)
    plots = _targets(timeline, (source for source in wanted if source.is_video), lambda _: PLOT)
    tables_of = [("--csv", csv), ("--json", json), ("--parquet", parquet)]
    pictures_of = [("--draw", drawn), ("--timeline", plots)]
    check_own(
        [*tables_of, *((option, one) for option, by in pictures_of for one in by.values())],
        chain((source.file for source in wanted), model or (), [detector or ""]),
    )
    predictor = models.predictor(model, detector, device, detect)
    if to:
        weights = [sha256(file) for file in predictor.files]
        files = sorted(os.fsencode(source.file).hex() for source in wanted)
        work = fingerprint(weights, detect, detector, min_confidence, every, files)
        if part is None:
            _join(to, work, wanted, shlex.join(["clfer", *sys.argv[1:]]))
            return
        parquet = shards.place(to, work, part, ".parquet")
        if parquet.exists():
            say([], f"already there: {parquet}")
            return
        ordered = sorted(wanted, key=lambda source: os.fsencode(source.file))
        wanted = ordered[part.number - 1 :: part.of]
    written = [path for path in (csv, json, parquet) if path]
    job = Job(predictor, min_confidence, drawn, plots, every)
    with quiet(), tables(predictor.classes, csv, json, parquet) as write:
        for result in job.results(wanted):
            for face in result.faces:
                write(row(result.frame, face, min_confidence))
        if not (job.pictures.frames or job.videos or shard):
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


def _join(to: Path, work: str, wanted: list[Source], command: str) -> None:
    """The faces of all shards in one table, in the order of the sources."""
    import polars as pl

    paths = shards.complete(to, work, ".parquet", command)
    if not paths:
        raise InputError(f"{to}: expected shards, found none; make them by `{command} --shard I/N`")
    names = [file_name(source.file) for source in wanted]
    rank = pl.LazyFrame({"file": names, "rank": range(len(names))}).unique("file", keep="first")
    parts = [pl.scan_parquet(path).with_row_index("line") for path in paths]
    faces = pl.concat(parts).join(rank, on="file").sort("rank", "line").drop("rank", "line")
    target = to / "faces.parquet"
    with replacing(target) as temporary:
        faces.sink_parquet(temporary)
    count = pl.scan_parquet(target).select(pl.len()).collect().item()
    say([f"of {len(paths)} shards"], f"{plural(count, 'face')}: {target}")


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

    minimum:      probability below which a face has no label
    drawn, plots: the files to draw, by those of the sources
    """

    predictor: Predictor
    minimum: float
    drawn: dict[str, Path]
    plots: dict[str, Path]
    every: int
    pictures: Counts = field(default_factory=lambda: Counts("pictures"))
    videos: list[Counts] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def results(self, wanted: list[Source]) -> Iterator[Result]:
        for is_video, group in groupby(wanted, key=lambda source: source.is_video):
            if is_video:
                yield from chain.from_iterable(map(self._video, group))
            else:
                yield from self._pictures(list(group))

    def _pictures(self, group: list[Source]) -> Iterator[Result]:
        frames = (
            Frame(source.file, lambda file=source.file: read(Path(file)))  # type: ignore[misc]
            for source in track(group, "pictures")
        )
        results = self.predictor.stream(frames, keep=bool(self.drawn))
        for source, result in zip(group, results, strict=True):
            self._count(result, source.name)
            if result.picture is not None:
                write_bytes(self.drawn[source.file], self._encoded(result, source))
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
            self.unreadable.append(f"{source.file}: {error}")
            return
        counts, timeline, draw = Counts(source.name), None, None
        if self.plots:
            from clfer.figures.timeline import Timeline  # matplotlib, half a second

            timeline = Timeline(self.predictor.classes)
        frames: Iterable[Frame] = track(video, counts.name)  # type: ignore[arg-type]
        with ExitStack() as stack:
            if self.drawn:
                draw = stack.enter_context(film(self.drawn[source.file], 1 / video.step))
            for result in self.predictor.stream(frames, keep=draw is not None):
                if draw is not None and result.picture is not None:
                    draw(self._annotated(result), result.frame.seconds or 0.0)
                if timeline is not None and result.problem is None:
                    timeline.add(result.frame.seconds or 0.0, result.faces)
                counts.add(result, self.minimum)
                yield result
        if not counts.frames:
            self.unreadable.append(f"{source.name}: no frame that can be decoded")
            return
        self.videos.append(counts)
        if timeline is not None:
            title = f"{plain(source.name)}: mean over the faces in view"
            timeline.draw(title, self.plots[source.file])

    def _annotated(self, result: Result) -> UInt8[np.ndarray, "H W 3"]:
        assert result.picture is not None
        return annotated(result.picture, result.faces, self.predictor.classes, self.minimum)

    def _encoded(self, result: Result, source: Source) -> bytes:
        """The same as a file's content. Not by Pillow into a file: on a disk that is nearly full it
        leaves half of a JPEG, and says nothing.
        """
        content = io.BytesIO()
        form = "PNG" if self.drawn[source.file].suffix.lower() == ".png" else "JPEG"
        Image.fromarray(self._annotated(result)).save(content, form, quality=QUALITY)
        return content.getvalue()

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


def _drawn(source: Source) -> tuple[str, ...]:
    """The endings that a drawing of a source may have; the first, where its own is none of them."""
    return (".mp4",) if source.is_video else (".png", ".jpg", ".jpeg")


def _targets(
    folder: Path | None, wanted: Iterable[Source], endings: Callable[[Source], tuple[str, ...]]
) -> dict[str, Path]:
    """Where each source is drawn, by its file: a name of its own below the folder."""
    if folder is None:
        return {}
    taken: dict[str, int] = {}
    targets = {}
    for source in wanted:
        own = os.path.splitext(source.name)[1]
        ending = own if own.lower() in endings(source) else endings(source)[0]
        targets[source.file] = Path(folder, free_name(source.name, ending, taken))
    return targets
