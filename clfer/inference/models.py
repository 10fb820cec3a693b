"""The file of a model: one that is named, or one that is downloaded and verified."""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urldefrag

from pydantic import TypeAdapter

from clfer.errors import InputError
from clfer.files import sha256
from clfer.progress import Track

RELEASED = Path(__file__).with_name("released.json")
VARIABLE = "CLFER_RELEASED"  # names another file of released models
CACHE = Path("clfer") / "models"  # below XDG_CACHE_HOME
LARGEST = 1 << 31  # bytes
HASH = re.compile(r"sha256=([0-9a-f]{64})")


class Release(NamedTuple):
    """The address of a published model, and the SHA-256 of its bytes."""

    url: str
    sha256: str


def located(given: str | Path, track: Track) -> Path:
    """The file of a model: a path, the name of a released model, or https://...#sha256=...

    A download is kept, and its hash checked at every use. InputError where there is no such model,
    or the hash is another.
    """
    if Path(given).is_file():
        return Path(given)
    given = str(given)
    if given.startswith(("http://", "https://")):
        address, fragment = urldefrag(given)
        if not (hashed := HASH.fullmatch(fragment)):
            raise InputError(
                f"{given}: expected its SHA-256 behind it, #sha256= and 64 hexadecimal digits; "
                f"found {f'#{fragment}' if fragment else 'none'}"
            )
        return _fetched(Release(address, hashed[1]), track)
    known = released()
    if given in known:
        return _fetched(known[given], track)
    names = f"one of {', '.join(known)}" if known else "none of which there is yet"
    raise InputError(
        f"{given}: expected a model file, the name of a released model ({names}), or an address "
        "https://...#sha256=...; found none of them"
    )


def released() -> dict[str, Release]:
    """Published models by name; InputError where the file that lists them is broken."""
    path = Path(os.environ.get(VARIABLE, RELEASED))
    try:
        return TypeAdapter(dict[str, Release]).validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected names, each with a url and a sha256, as JSON; found something else "
            f"({' '.join(str(error).split())})"
        ) from error


def _fetched(release: Release, track: Track) -> Path:
    """The file of a release in the cache, downloaded where it is missing or changed."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    name = release.url.rpartition("/")[2] or "model"
    target = kept / CACHE / f"{release.sha256[:16]}-{name}"
    if target.is_file() and sha256(target) == release.sha256:
        return target

    from clfer.download import download  # requests takes a seventh of a second

    remedy = "fetch it by hand and name the file by --model"
    download(release.url, target, release.sha256, track, remedy, LARGEST)
    return target
