"""The file of a model: one that is named, the package's own, or one that is downloaded."""

import os
import re
from pathlib import Path
from urllib.parse import urldefrag

from clfer.errors import InputError
from clfer.files import sha256
from clfer.progress import Track

SHIPPED = {"ferplus": Path(__file__).with_name("ferplus.onnx")}  # models in the package, by name
CACHE = Path("clfer") / "models"  # below XDG_CACHE_HOME
LARGEST = 1 << 31  # bytes
HASH = re.compile(r"sha256=([0-9a-f]{64})")


def located(given: str | Path, track: Track) -> Path:
    """The file of a model: a path, the name of one in the package, or https://...#sha256=...

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
        return _fetched(address, hashed[1], track)
    if given in SHIPPED:
        return SHIPPED[given]
    raise InputError(
        f"{given}: expected a model file, {', '.join(SHIPPED)} (the package's), or an address "
        "https://...#sha256=...; found none of them"
    )


def _fetched(address: str, digest: str, track: Track) -> Path:
    """A file in the cache, downloaded where it is missing or changed."""
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = kept / CACHE / f"{digest[:16]}-{address.rpartition('/')[2] or 'model'}"
    if target.is_file() and sha256(target) == digest:
        return target

    from clfer.download import download  # requests takes a seventh of a second

    remedy = "fetch it by hand and name the file by --model"
    download(address, target, digest, track, remedy, LARGEST)
    return target
