"""The tables that `clfer predict` prints at its end."""

import heapq
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from clfer.inference.predictor import UNSURE, Face, Result
from pipeline.console import say, table

SHOWN = 50  # faces in the table; files have all of them
NAMED = 5  # pictures that a line names
LONGEST = 32  # letters of a name in the table


@dataclass
class VideoSummary:
    """Counts over a video: frames, those that could not be decoded, those without a face, faces,
    and faces of each label.
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
        self.labels.update(_label(face, minimum) for face in result.faces)

    def row(self) -> list[str]:
        common = [f"{name} {100 * n / self.faces:.0f} %" for name, n in self.labels.most_common(2)]
        frames = f"{self.frames:,}" + (f", {self.broken:,} broken" if self.broken else "")
        return [_short(self.name), frames, f"{self.empty:,}", f"{self.faces:,}", ", ".join(common)]


@dataclass
class PredictionSummary:
    """Counts over pictures and videos so far, and the first faces.

    minimum: probability below which a face has no label
    """

    minimum: float
    pictures: int = 0
    faces: int = 0  # in pictures
    rows: list[list[str]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    videos: list[VideoSummary] = field(default_factory=list)

    def add_picture(self, result: Result, name: str) -> None:
        """One more picture, under this name."""
        if result.problem is not None:
            self.unreadable.append(f"{result.frame.name}: {result.problem}")
            return
        self.pictures += 1
        self.faces += len(result.faces)
        if not result.faces:
            self.without.append(result.frame.name)
        for number, face in enumerate(result.faces[: SHOWN - len(self.rows)], start=1):
            best, second = heapq.nlargest(2, face.probability.items(), key=lambda pair: pair[1])
            first, of = _short(name) if number == 1 else "", f"{number}/{len(result.faces)}"
            probabilities = [f"{best[1]:.2f}", f"{second[0]} {second[1]:.2f}"]
            self.rows.append([first, of, _label(face, self.minimum), *probabilities])

    def add_video(self, video: VideoSummary) -> None:
        """One more video, at its end."""
        if video.frames:
            self.videos.append(video)
        else:
            self.unreadable.append(f"{video.name}: no frame that can be decoded")

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be read."""
        return not self.pictures and not self.videos

    def report(self, file: Path | None) -> None:
        """Print it on standard output. file: one that has all faces."""
        if self.rows:
            title = f"{counted(self.faces, 'face')} in {counted(self.pictures, 'picture')}"
            table(title, ["file", "face", "expression", "p", "then"], self.rows)
        if (more := self.faces - len(self.rows)) > 0:
            say([], f"and {more:,} more: {file or '--csv FILE'} has all")
        if self.videos:
            columns = ["video", "frames", "no face", "faces", "expressions"]
            table("videos", columns, [video.row() for video in self.videos])
        if self.without:
            say(_some(self.without), f"no face found in {counted(len(self.without), 'picture')}")
        if self.unreadable:
            heading = f"could not be read, and left out: {len(self.unreadable):,}"
            say(_some(self.unreadable), heading)


def counted(number: int, noun: str) -> str:
    """Such as 1 face, and 2,000 faces."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _label(face: Face, minimum: float) -> str:
    return face.label if face.confidence >= minimum else UNSURE


def _short(name: str) -> str:
    """A name that leaves room for a table of 80 columns."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"


def _some(names: list[str]) -> list[str]:
    more = len(names) - NAMED
    return names[:NAMED] + ([f"and {more:,} more"] if more > 0 else [])
