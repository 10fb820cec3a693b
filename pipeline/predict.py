"""Tool predict: the expressions of faces in photos, folders and videos."""

import heapq
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from clfer.errors import InputError
from clfer.inference.models import newest
from clfer.inference.predictor import Face, Frame, Predictor, Seen, read
from clfer.inference.records import Row, files, row
from clfer.inference.sources import Source, sources
from clfer.inference.video import Video, quiet
from clfer.pictures import UnreadableError
from pipeline import paths
from pipeline.console import err, plain, say, table, track

SHOWN = 50  # faces in the table; files have all of them
NAMED = 5  # pictures that a line names
LONGEST = 32  # letters of a name in the table
UNSURE = "unsure"
DEMO = "demo"
WARNING = (
    "warning: this model was trained on drawn faces to try the pipeline; what it says of people "
    "means nothing"
)


@dataclass
class Told:
    """What there is to say at the end."""

    rows: list[list[str]] = field(default_factory=list)
    faces: int = 0
    pictures: int = 0
    without: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    videos: list[list[str]] = field(default_factory=list)


def predict(
    given: Annotated[
        list[str],
        typer.Argument(metavar="PATH...", help="Pictures, videos, folders; - reads names."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|NAME|URL",
            help="A model (.safetensors, .onnx); several are averaged. The newest one if left out.",
        ),
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="A row per face.", dir_okay=False)] = None,
    json: Annotated[Path | None, typer.Option(help="The same as a list.", dir_okay=False)] = None,
    parquet: Annotated[Path | None, typer.Option(help="The same.", dir_okay=False)] = None,
    draw: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Pictures and videos with boxes and labels.")
    ] = None,
    timeline: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A plot of expressions for each video.")
    ] = None,
    detect: Annotated[
        bool, typer.Option("--detect/--no-detect", help="Or take pictures as face crops.")
    ] = True,
    detector: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="SCRFD's weights; or $CLFER_DETECTOR.", dir_okay=False),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help="No label below this probability.")
    ] = 0.0,
    every: Annotated[int, typer.Option(min=1, help="Of a video, only each such frame.")] = 1,
    device: Annotated[
        str | None, typer.Option(envvar="CLFER_DEVICE", help="cpu or cuda; a GPU if there is one.")
    ] = None,
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
    _introduce(predictor, chosen=model is not None)
    told = Told()
    with quiet(), files(predictor.classes, csv, json, parquet) as write:
        job = Job(predictor, write, told, draw, timeline, min_confidence, every)
        for is_video, group in groupby(wanted, key=lambda source: source.is_video):
            if not is_video:
                job.pictures(list(group))
                continue
            for source in group:
                job.video(source)
        if told.unreadable and not told.pictures and not told.videos:
            _report(told, predictor)
            raise InputError(
                f"{given[0]}: expected at least one picture or video that can be read, found none"
            )
    _report(told, predictor)
    for path in (csv, json, parquet):
        if path is not None:
            say([], f"{told.faces:,} faces: {path}")
    for folder in (draw, timeline):
        if folder is not None:
            say([], f"to look at: {folder}")


@dataclass
class Job:
    """One call of the command."""

    predictor: Predictor
    write: Callable[[Row], None]
    told: Told
    draw: Path | None
    timeline: Path | None
    minimum: float
    every: int

    def pictures(self, group: list[Source]) -> None:
        """Image files, looked at in batches."""
        names = {str(source.path): source for source in group}
        shown: Iterable[Source] = track(group, "looking at pictures")
        frames = (_frame(source) for source in shown)
        for seen in self.predictor.stream(frames, keep=self.draw is not None):
            name = seen.frame.name
            if seen.problem is not None:
                self.told.unreadable.append(f"{name}: {seen.problem}")
                continue
            self.told.pictures += 1
            if not seen.faces:
                self.told.without.append(name)
            self._note(seen)
            for number, face in enumerate(seen.faces, start=1):
                if len(self.told.rows) < SHOWN:
                    of = f"{number}/{len(seen.faces)}"
                    first = _short(str(names[name].name)) if number == 1 else ""
                    self.told.rows.append([first, of, *_words(face, self.minimum)])
            if self.draw is not None:
                self._picture(seen, names[name])

    def video(self, source: Source) -> None:
        """A video, frame by frame."""
        from clfer.inference.timeline import Timeline

        try:
            video = Video(source.path, self.every)
        except UnreadableError as error:
            self.told.unreadable.append(f"{source.path}: {error}")
            return
        timeline = Timeline(self.predictor.classes)
        labels: Counter[str] = Counter()
        count, empty, problems = 0, 0, 0
        frames: Iterable[Frame] = track(video, f"looking at {source.name}")  # type: ignore[arg-type]
        for seen in self._drawn(frames, video, source):
            if seen.problem is not None:
                problems += 1
                continue
            count += 1
            empty += not seen.faces
            timeline.add(seen.frame.seconds or 0.0, seen.faces)
            labels.update(face.label for face in seen.faces if face.confidence >= self.minimum)
            self._note(seen)
        if not count:
            self.told.unreadable.append(f"{source.path}: no frame that can be decoded")
            return
        common = ", ".join(
            f"{name} {100 * n / labels.total():.0f} %" for name, n in labels.most_common(3)
        )
        faces = labels.total()
        broken = f", {problems:,} broken" if problems else ""
        self.told.videos.append(
            [str(source.path), f"{count:,}{broken}", f"{empty:,}", f"{faces:,}", common]
        )
        if self.timeline is not None:
            from clfer.figures import timeline as figure

            path = self.timeline / source.name.with_suffix(".png")
            title = f"{source.name}: mean over the faces in view"
            figure.draw(
                timeline.probability,
                timeline.faces,
                timeline.width,
                self.predictor.classes,
                title,
                path,
            )

    def _note(self, seen: Seen) -> None:
        """The rows of a frame, to the files."""
        self.told.faces += len(seen.faces)
        for face in seen.faces:
            self.write(row(seen.frame, face, self.minimum))

    def _picture(self, seen: Seen, source: Source) -> None:
        """An annotated picture."""
        import cv2

        from clfer.files import replacing
        from clfer.inference.drawing import annotated

        assert self.draw is not None
        assert seen.picture is not None
        target = self.draw / source.name.with_suffix(".png")
        _check_apart(target, source)
        pixels = annotated(seen.picture, seen.faces, self.predictor.classes, self.minimum)
        with replacing(target) as temporary:
            cv2.imwrite(str(temporary), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def _drawn(self, frames: Iterable[Frame], video: Video, source: Source) -> Iterator[Seen]:
        """What is seen in a video's frames, which are drawn on the way if that is wanted."""
        if self.draw is None:
            yield from self.predictor.stream(frames)
            return
        from clfer.files import replacing
        from clfer.inference.drawing import annotated
        from clfer.inference.video import Writer

        target = self.draw / source.name.with_suffix(".mp4")
        _check_apart(target, source)
        with replacing(target) as temporary, Writer(temporary, video.rate / self.every) as writer:
            for seen in self.predictor.stream(frames, keep=True):
                if seen.picture is not None:
                    classes = self.predictor.classes
                    writer.add(annotated(seen.picture, seen.faces, classes, self.minimum))
                yield seen


def _words(face: Face, minimum: float) -> tuple[str, str, str]:
    """The expression, its probability, and the second best."""
    best, second = heapq.nlargest(2, face.probability.items(), key=lambda pair: pair[1])
    label = face.label if face.confidence >= minimum else UNSURE
    return label, f"{best[1]:.2f}", f"{second[0]} {second[1]:.2f}"


def _short(name: str) -> str:
    """A name that leaves room for a table of 80 columns."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"


def _frame(source: Source) -> Frame:
    return Frame(str(source.path), lambda: read(source.path))


def _check_apart(target: Path, source: Source) -> None:
    """InputError where the drawn file would replace what it is drawn from."""
    if target.exists() and target.samefile(source.path):
        raise InputError(f"--draw: expected another folder than that of {source.path}")


def _introduce(predictor: Predictor, chosen: bool) -> None:
    """Which model speaks and what it was trained on, with a warning of the demo's."""
    for file, engine in zip(predictor.files, predictor.engines, strict=True):
        about = engine.card.provenance
        said = [f"{about.get('variant', 'a network')} on {about.get('dataset', 'unknown data')}"]
        said += [f"{key} {about[key]}" for key in ("seed", "epoch") if key in about]
        newest = "" if chosen else ", the newest here"
        err.print(
            plain(f"model: {file}{newest}: {', '.join(said)}"), highlight=False, soft_wrap=True
        )
        if about.get("selected_on") == "test":
            err.print("its epoch was chosen on test images", highlight=False)
        if about.get("dataset") == DEMO:
            err.print(WARNING, style="bold yellow", highlight=False, soft_wrap=True)


def _report(told: Told, predictor: Predictor) -> None:
    if told.rows:
        columns = ["file", "face", "expression", "p", "then"]
        table(f"{told.faces:,} faces in {told.pictures:,} pictures", columns, told.rows)
        if told.faces > len(told.rows) and not told.videos:
            say([], f"and {told.faces - len(told.rows):,} faces more: --csv FILE has all")
    if told.videos:
        columns = ["video", "frames", "without a face", "faces", "expressions"]
        table("videos", columns, told.videos)
    if told.without:
        say(_some(told.without), f"no face found in {len(told.without):,} of them")
    if told.unreadable:
        say(_some(told.unreadable), f"could not be read, and left out: {len(told.unreadable):,}")


def _some(names: list[str]) -> list[str]:
    more = len(names) - NAMED
    return names[:NAMED] + ([f"and {more:,} more"] if more > 0 else [])
