"""The partial file of a download, beside its target, and what has to be known to continue it.

TARGET.part has the bytes, TARGET.part.json tells which file they are the beginning of.
"""

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from clfer.files import replacing
from clfer.settings import Settings
from clfer.sources.patience import date


class About(Settings):
    """Which file it is. `validator` names its very bytes (RFC 9110, If-Range); `size` in bytes."""

    url: str
    validator: str | None
    size: int | None


def part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def size(target: Path) -> int:
    """How many bytes there are."""
    return part(target).stat().st_size if part(target).is_file() else 0


def kept(target: Path, url: str) -> About | None:
    """Which file the partial one can be continued to; None where only a new start is safe."""
    try:
        about = About.model_validate_json(_about(target).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    known = about.size is None or size(target) <= about.size
    return about if about.url == url and about.validator and size(target) and known else None


def begin(target: Path, about: About) -> None:
    """An empty partial file of this file."""
    discard(target)
    # before the first byte: bytes of which nothing is known are never continued
    with replacing(_about(target)) as temporary:
        temporary.write_text(about.model_dump_json())


def discard(target: Path) -> None:
    """Nothing is left of it. The bytes go first: what is known says nothing without them."""
    part(target).unlink(missing_ok=True)
    _about(target).unlink(missing_ok=True)


def finish(target: Path) -> None:
    """The partial file becomes the target."""
    os.replace(part(target), target)
    _about(target).unlink(missing_ok=True)


def validator(headers: Mapping[str, str]) -> str | None:
    """What names the very bytes of an answer: a strong ETag, or else when they were last modified.

    That only where the answer is at least a second younger: within one second a file can change
    twice.
    """
    if (tag := headers.get("ETag", "")).startswith('"'):
        return tag
    modified = headers.get("Last-Modified", "")
    then, now = date(modified), date(headers.get("Date", ""))
    return modified if then and now and now - then >= timedelta(seconds=1) else None


def _about(target: Path) -> Path:
    return target.with_name(f"{target.name}.part.json")
