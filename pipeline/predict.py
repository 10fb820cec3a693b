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
from clfer.inference.frames import Frame, Source, Video, quiet, read, sources
from clfer.inference.models import newest
from clfer.inference.output import VideoWriter, row, tables
from clfer.inference.predictor import Predictor, Result
from clfer.pictures import UnreadableError
from pipeline import paths
from pipeline.console import say, track
from pipeline.model_banner import print_banner
from pipeline.options import Detect, Device, Models, Weights
from pipeline.prediction_summary import PredictionSummary, VideoSummary, counted

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

    Without --model the newest model of the checkout is taken. A picture that can't be read is named
    and left out; the command fails if none can be.
    """
    wanted = sources(given, sys.stdin)
    written = {
        option: path
        for option, path in (("--csv", csv), ("--json", json), ("--parquet", parquet))
        if path is not None
    }
    _check_files(written, wanted)
    predictor = Predictor(
        *(model or [str(newest(paths.BASE))]),
        detect=detect,
        detector=detector,
        device=device,
        track=track,
    )
    for file, engine in zip(predictor.files, predictor.engines, strict=True):
        print_banner(file, engine.card, chosen=model is not None)
    summary, faces = PredictionSummary(min_confidence), 0
    with quiet(), tables(predictor.classes, csv, json, parquet) as write:
        for result in Job(predictor, summary, draw, timeline, every).results(wanted):
            faces += len(result.faces)
            for face in result.faces:
                write(row(result.frame, face, min_confidence))
        if summary.is_empty:
            summary.report(None)
            raise InputError(
                f"{given[0]}: expected at least one picture or video that can be read, found none"
            )
    summary.report(next(iter(written.values()), None))
    for path in written.values():
        say([], f"{counted(faces, 'face')}: {path}")
    for folder in (draw, timeline):
        if folder is not None:
            say([], f"to look at: {folder}")


@dataclass
class Job:
    """One call of the command: counts every result, and draws it where that is wanted."""

    predictor: Predictor
    summary: PredictionSummary
    draw: Path | None
    timeline: Path | None
    every: int

    def results(self, wanted: list[Source]) -> Iterator[Result]:
        """Of pictures and frames of videos, in their order."""
        for is_video, group in groupby(wanted, key=lambda source: source.is_video):
            if not is_video:
                yield from self._pictures(list(group))
                continue
            for source in group:
                yield from self._video(source)

    def _pictures(self, group: list[Source]) -> Iterator[Result]:
        by_path = {str(source.path): source for source in group}
        frames = (_frame(source) for source in track(group, "pictures"))
        for result in self.predictor.stream(frames, keep=self.draw is not None):
            source = by_path[result.frame.name]
            self.summary.add_picture(result, str(source.name))
            if self.draw is not None and result.picture is not None:
                target = _beside(self.draw / source.name, (".png", ".jpg", ".jpeg"))
                _check_apart(target, source)
                with replacing(target) as temporary:
                    Image.fromarray(self._annotated(result)).save(temporary, quality=QUALITY)
            yield result

    def _video(self, source: Source) -> Iterator[Result]:
        try:
            video = Video(source.path, self.every)
        except UnreadableError as error:
            self.summary.unreadable.append(f"{source.path}: {error}")
            return
        summary, timeline = VideoSummary(str(source.name)), None
        if self.timeline is not None:
            from clfer.figures.predictions import Timeline  # matplotlib, half a second

            timeline = Timeline(self.predictor.classes, video.step)
        frames: Iterable[Frame] = track(video, str(source.name))  # type: ignore[arg-type]
        for result in self._drawn(frames, video, source):
            summary.add(result, self.summary.minimum)
            if timeline is not None and result.problem is None:
                timeline.add(result.frame.seconds or 0.0, result.faces)
            yield result
        self.summary.add_video(summary)
        if self.timeline is not None and timeline is not None and summary.frames:
            title = f"{source.name}: mean over the faces in view"
            timeline.draw(title, _beside(self.timeline / source.name, (".png",)))

    def _drawn(self, frames: Iterable[Frame], video: Video, source: Source) -> Iterator[Result]:
        """The results of a video's frames, which are drawn where that is wanted."""
        if self.draw is None:
            yield from self.predictor.stream(frames)
            return
        target = _beside(self.draw / source.name, (".mp4",))
        _check_apart(target, source)
        with replacing(target) as temporary, VideoWriter(temporary, 1 / video.step) as writer:
            for result in self.predictor.stream(frames, keep=True):
                if result.picture is not None:
                    writer.add(self._annotated(result))
                yield result

    def _annotated(self, result: Result) -> UInt8[np.ndarray, "H W 3"]:
        """The picture of a result, with its faces."""
        from clfer.figures.predictions import annotated  # matplotlib, half a second

        assert result.picture is not None
        minimum = self.summary.minimum
        return annotated(result.picture, result.faces, self.predictor.classes, minimum)


def _frame(source: Source) -> Frame:
    return Frame(str(source.path), lambda: read(source.path))


def _beside(path: Path, endings: tuple[str, ...]) -> Path:
    """The name with the first of these endings appended, unless it has one of them."""
    ending = "" if path.suffix.lower() in endings else endings[0]
    return path.with_name(path.name + ending)


def _check_files(written: dict[str, Path], wanted: list[Source]) -> None:
    """InputError where a table would replace an input or another table."""
    taken = {source.path.resolve() for source in wanted}
    for option, path in written.items():
        if path.resolve() in taken:
            raise InputError(f"{option}: expected a file of its own; found {path}")
        taken.add(path.resolve())


def _check_apart(target: Path, source: Source) -> None:
    """InputError where the drawn file would replace what it is drawn from."""
    if target.exists() and target.samefile(source.path):
        raise InputError(f"--draw: expected another folder than that of {source.path}")
