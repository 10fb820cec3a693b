"""What `clfer predict` says at the end of what it saw."""

import heapq
from collections import Counter
from dataclasses import dataclass, field

from clfer.inference.frames import UNSURE, Face, Seen
from pipeline.console import say, table

SHOWN = 50  # faces in the table; files have all of them
NAMED = 5  # pictures that a line names
LONGEST = 32  # letters of a name in the table


@dataclass
class Video:
    """What was seen in a video: frames, those that could not be decoded and those without a face,
    faces, and how many of them have which label.
    """

    name: str
    frames: int = 0
    broken: int = 0
    empty: int = 0
    faces: int = 0
    labels: Counter[str] = field(default_factory=Counter)

    def add(self, seen: Seen, minimum: float) -> None:
        if seen.problem is not None:
            self.broken += 1
            return
        self.frames += 1
        self.empty += not seen.faces
        self.faces += len(seen.faces)
        self.labels.update(_label(face, minimum) for face in seen.faces)

    def row(self) -> list[str]:
        common = [f"{name} {100 * n / self.faces:.0f} %" for name, n in self.labels.most_common(2)]
        frames = f"{self.frames:,}" + (f", {self.broken:,} broken" if self.broken else "")
        return [_short(self.name), frames, f"{self.empty:,}", f"{self.faces:,}", ", ".join(common)]


@dataclass
class Told:
    """What was seen so far."""

    minimum: float  # probability below which a face has no label
    pictures: int = 0
    faces: int = 0  # in pictures
    rows: list[list[str]] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    videos: list[Video] = field(default_factory=list)

    def picture(self, seen: Seen, name: str) -> None:
        """One more picture, by a name for the table."""
        if seen.problem is not None:
            self.unreadable.append(f"{seen.frame.name}: {seen.problem}")
            return
        self.pictures += 1
        self.faces += len(seen.faces)
        if not seen.faces:
            self.without.append(seen.frame.name)
        for number, face in enumerate(seen.faces[: SHOWN - len(self.rows)], start=1):
            best, second = heapq.nlargest(2, face.probability.items(), key=lambda pair: pair[1])
            first, of = _short(name) if number == 1 else "", f"{number}/{len(seen.faces)}"
            chances = [f"{best[1]:.2f}", f"{second[0]} {second[1]:.2f}"]
            self.rows.append([first, of, _label(face, self.minimum), *chances])

    def video(self, video: Video) -> None:
        """One more video, all of which was seen."""
        if video.frames:
            self.videos.append(video)
        else:
            self.unreadable.append(f"{video.name}: no frame that can be decoded")

    @property
    def read_nothing(self) -> bool:
        return not self.pictures and not self.videos

    def report(self) -> None:
        """All of it, on standard output."""
        if self.rows:
            title = f"{self.faces:,} faces in {self.pictures:,} pictures"
            table(title, ["file", "face", "expression", "p", "then"], self.rows)
        if (more := self.faces - len(self.rows)) > 0:
            say([], f"and {more:,} faces more: --csv FILE has all")
        if self.videos:
            columns = ["video", "frames", "no face", "faces", "expressions"]
            table("videos", columns, [video.row() for video in self.videos])
        if self.without:
            say(_some(self.without), f"no face found in {len(self.without):,} of them")
        if self.unreadable:
            heading = f"could not be read, and left out: {len(self.unreadable):,}"
            say(_some(self.unreadable), heading)


def _label(face: Face, minimum: float) -> str:
    return face.label if face.confidence >= minimum else UNSURE


def _short(name: str) -> str:
    """A name that leaves room for a table of 80 columns."""
    return name if len(name) <= LONGEST else f"{name[: LONGEST // 2]}…{name[-LONGEST // 2 + 1 :]}"


def _some(names: list[str]) -> list[str]:
    more = len(names) - NAMED
    return names[:NAMED] + ([f"and {more:,} more"] if more > 0 else [])
