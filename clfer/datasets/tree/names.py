"""Which files count, and when two names are the same."""

import unicodedata
from collections.abc import Sequence

IMAGES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
ARCHIVES = (".rar", ".7z", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")  # that stay closed
ZIP = ".zip"
JUNK = {"__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "$recycle.bin"}


def key(name: str) -> str:
    """The name as lists and folders compare it: neither case nor the way of writing an accent
    matters.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def stem(name: str) -> str:
    """The last part of a path, without its ending."""
    base = name.rpartition("/")[2]
    return base.rpartition(".")[0] or base


def unzipped(part: str) -> str:
    """A part of a path without the ending of a zip, as a folder would be called."""
    return part[: -len(ZIP)] if is_zip(part) else part


def is_image(path: str) -> bool:
    return path.lower().endswith(IMAGES)


def is_zip(path: str) -> bool:
    return path.lower().endswith(ZIP)


def is_archive(path: str) -> bool:
    """Whether this is an archive of a kind that is not read in place."""
    return path.lower().endswith(ARCHIVES)


def unarchived(path: str) -> str:
    """The path of such an archive without what makes it one."""
    return next(path[: -len(end)] for end in ARCHIVES if path.lower().endswith(end))


def is_junk(part: str) -> bool:
    """Whether a file or folder is none of a dataset: hidden, or left behind by a system."""
    return part.startswith(".") or part.lower() in JUNK


def remark(what: str, names: Sequence[str]) -> list[str]:
    """A line for people: what, how many, and the first of them; none where there are no names."""
    return [f"{what}: {len(names):,} (first: {names[0]})"] if names else []
