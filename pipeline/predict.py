"""Tool predict: the expressions of faces in photos, folders and videos."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from jaxtyping import UInt8
from PIL import Image

from clfer.errors import InputError
from clfer.files import replacing
from clfer.inference.frames import Frame, Seen, read
from clfer.inference.models import newest
from clfer.inference.predictor import Predictor
from clfer.inference.records import files, row
from clfer.inference.sources import Source, sources
from clfer.inference.timeline import Timeline
from clfer.inference.video import Video, Writer, quiet
from clfer.pictures import UnreadableError
from pipeline import paths, told
from pipeline.console import say, track
from pipeline.introduction import introduce
from pipeline.options import Detect, Device, Models, Weights
from pipeline.told import Told

QUALITY = 92  # of JPEGs that are drawn


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
    detector: Weights = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="No label below this probability.")
    ] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Of a video, only each such frame.")] = 1,
    device: Device = None,
) -> None:
    """Say the expressions of the faces in photos, folders and videos.

    Without --model the newest model of the checkout is taken. A picture that can't be read is told
    of and left out; the command fails if none can be.
    """
    wanted = sources(given, sys.stdin)
    predictor = Predictor(
        *(model or [str(newest(paths.BASE))]),
        detect=detect,
        detector=detector,
        device=device,
        track=track,
    )
    for file, engine in zip(predictor.files, predictor.engines, strict=True):
        introduce(file, engine.card, chosen=model is not None)
    summary, total = Told(min_confidence), 0
    with quiet(), files(predictor.classes, csv, json, parquet) as write:
        job = Job(predictor, summary, draw, timeline, every)
        for seen in job.seen(wanted):
            total += len(seen.faces)
            for face in seen.faces:
                write(row(seen.frame, face, min_confidence))
        if summary.read_nothing:
            summary.report()
            raise InputError(
                f"{given[0]}: expected at least one picture or video that can be read, found none"
            )
    summary.report()
    for path in (csv, json, parquet):
        if path is not None:
            say([], f"{total:,} faces: {path}")
    for folder in (draw, timeline):
        if folder is not None:
            say([], f"to look at: {folder}")


@dataclass
class Job:
    """One call of the command: whatever is seen is told, and drawn where that is wanted."""

    predictor: Predictor
    told: Told
    draw: Path | None
    timeline: Path | None
    every: int

    def seen(self, wanted: list[Source]) -> Iterator[Seen]:
        """Pictures and frames of videos, in their order."""
        for is_video, group in groupby(wanted, key=lambda source: source.is_video):
            if not is_video:
                yield from self._pictures(list(group))
                continue
            for source in group:
                yield from self._video(source)

    def _pictures(self, group: list[Source]) -> Iterator[Seen]:
        """Image files, looked at in batches."""
        by_path = {str(source.path): source for source in group}
        frames = (_frame(source) for source in track(group, "looking at pictures"))
        for seen in self.predictor.stream(frames, keep=self.draw is not None):
            source = by_path[seen.frame.name]
            self.told.picture(seen, str(source.name))
            if self.draw is not None and seen.picture is not None:
                target = _beside(self.draw / source.name, (".png", ".jpg", ".jpeg"))
                _check_apart(target, source)
                with replacing(target) as temporary:
                    Image.fromarray(self._annotated(seen)).save(temporary, quality=QUALITY)
            yield seen

    def _video(self, source: Source) -> Iterator[Seen]:
        """A video, frame by frame."""
        try:
            video = Video(source.path, self.every)
        except UnreadableError as error:
            self.told.unreadable.append(f"{source.path}: {error}")
            return
        summary, times = told.Video(str(source.name)), Timeline(self.predictor.classes)
        frames: Iterable[Frame] = track(video, f"looking at {source.name}")  # type: ignore[arg-type]
        for seen in self._drawn(frames, video, source):
            summary.add(seen, self.told.minimum)
            if seen.problem is None:
                times.add(seen.frame.seconds or 0.0, seen.faces)
            yield seen
        self.told.video(summary)
        if self.timeline is not None and summary.frames:
            from clfer.figures import timeline as figure

            path = _beside(self.timeline / source.name, (".png",))
            title = f"{source.name}: mean over the faces in view"
            figure.draw(times.probability, times.faces, times.width, times.classes, title, path)

    def _drawn(self, frames: Iterable[Frame], video: Video, source: Source) -> Iterator[Seen]:
        """What is seen in a video's frames, which are drawn on the way if that is wanted."""
        if self.draw is None:
            yield from self.predictor.stream(frames)
            return
        target = _beside(self.draw / source.name, (".mp4",))
        _check_apart(target, source)
        with replacing(target) as temporary, Writer(temporary, video.rate / self.every) as writer:
            for seen in self.predictor.stream(frames, keep=True):
                if seen.picture is not None:
                    writer.add(self._annotated(seen))
                yield seen

    def _annotated(self, seen: Seen) -> UInt8[np.ndarray, "H W 3"]:
        """The picture of a frame that was kept, with its faces."""
        from clfer.inference.drawing import annotated  # matplotlib's font, and half a second

        assert seen.picture is not None
        return annotated(seen.picture, seen.faces, self.predictor.classes, self.told.minimum)


def _frame(source: Source) -> Frame:
    return Frame(str(source.path), lambda: read(source.path))


def _beside(path: Path, endings: tuple[str, ...]) -> Path:
    """The name with the first of these endings put behind it, unless it has one of them."""
    ending = "" if path.suffix.lower() in endings else endings[0]
    return path.with_name(path.name + ending)


def _check_apart(target: Path, source: Source) -> None:
    """InputError where the drawn file would replace what it is drawn from."""
    if target.exists() and target.samefile(source.path):
        raise InputError(f"--draw: expected another folder than that of {source.path}")
