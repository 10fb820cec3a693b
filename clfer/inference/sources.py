"""What the names on a command line mean: pictures and videos, in order."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clfer.errors import InputError

PICTURES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
STDIN = "-"


@dataclass(frozen=True)
class Source:
    """A file, and its name below the folder that was given, for files that are made of it."""

    path: Path
    name: Path

    @property
    def is_video(self) -> bool:
        return self.path.suffix.lower() in VIDEOS


def sources(given: Sequence[str], listed: Iterable[str]) -> list[Source]:
    """The files that are meant, each once: files as they are named, the pictures and videos of
    folders and all folders in them by name, and for `-` the names in `listed`, one a line.

    InputError where nothing has such a name, or a folder holds no picture and no video.
    """
    found: dict[Path, Source] = {}
    for name in _names(given, listed):
        for source in _meant(Path(name)):
            found.setdefault(source.path, source)
    if not found:
        raise InputError("-: expected names of files, one a line; found none")
    return _distinct(found.values())


def _names(given: Sequence[str], listed: Iterable[str]) -> Iterator[str]:
    for name in given:
        if name != STDIN:
            yield name
            continue
        yield from (line for line in (one.rstrip("\r\n") for one in listed) if line)


def _meant(path: Path) -> Iterator[Source]:
    try:
        is_folder, there = path.is_dir(), path.exists()
    except (OSError, ValueError):  # a name that no system takes
        is_folder, there = False, False
    if not there:
        raise InputError(f"{path}: expected a picture, a video or a folder; found nothing there")
    if not is_folder:
        yield Source(path, Path(path.name))
        return
    inside = [one for one in sorted(path.rglob("*")) if _is_wanted(one, path)]
    if not inside:
        raise InputError(
            f"{path}: expected pictures ({' '.join(PICTURES)}) or videos ({' '.join(VIDEOS)}) in "
            "it; found none"
        )
    yield from (Source(one, one.relative_to(path)) for one in inside)


def _is_wanted(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return not hidden and path.suffix.lower() in PICTURES + VIDEOS and path.is_file()


def _distinct(found: Iterable[Source]) -> list[Source]:
    """The same with names that no two share: folders may hold files of one name."""
    taken: set[Path] = set()
    distinct = []
    for source in found:
        name, number = source.name, 2
        while name in taken:
            name = source.name.with_stem(f"{source.name.stem}-{number}")
            number += 1
        taken.add(name)
        distinct.append(Source(source.path, name))
    return distinct
