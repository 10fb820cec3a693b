"""The file of a model: one that is named, the package's own, or one that is downloaded."""

import os
import re
from pathlib import Path
from urllib.parse import urldefrag

from clfer.errors import InputError, error_number
from clfer.files import sha256
from clfer.progress import Track

SHIPPED = {"ferplus": Path(__file__).with_name("ferplus.onnx")}  # models in the package, by name
CACHE = Path("clfer") / "models"  # below XDG_CACHE_HOME
LARGEST = 1 << 31  # bytes
HASH = re.compile(r"sha256=([0-9a-f]{64})")
HUB = "hf:"  # owner/name[@revision] follows
OF_HUB = ("model.onnx", "model.safetensors")  # the first of these that a repository has
TIMEOUT = 5  # seconds in which the hub begins to answer


def located(given: str | Path, track: Track) -> Path:
    """The file of a model: a path, the name of one in the package, https://...#sha256=..., or
    hf:owner/name[@revision], a repository of Hugging Face's hub, or of HF_ENDPOINT's.

    A download is kept, and the hash of an address checked at every use. InputError where there is
    no such model, or the hash is another.
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
    if given.startswith(HUB):
        repository, _, revision = given.removeprefix(HUB).partition("@")
        return _of_hub(given, repository, revision or None)
    if given in SHIPPED:
        return SHIPPED[given]
    raise InputError(
        f"{given}: expected a model file, {', '.join(SHIPPED)} (the package's), an address "
        "https://...#sha256=... or hf:owner/name; found none of them"
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


def _of_hub(given: str, repository: str, revision: str | None) -> Path:
    """A model of a repository, in the cache that all programs of the hub share (HF_HOME). The hub
    is asked at every use whether it is the newest; where it does not answer, the kept one is taken.
    """
    from huggingface_hub import HfApi, errors, hf_hub_download, try_to_load_from_cache

    try:
        known = HfApi().model_info(repository, revision=revision, timeout=TIMEOUT)
        there = [one.rfilename for one in known.siblings or ()]
        for name in OF_HUB:
            if name in there:
                return Path(hf_hub_download(repository, name, revision=revision))
        found = f"{', '.join(there[:5]) or 'no file'} there"
    except errors.HFValidationError:
        found = "another name"
    except errors.RevisionNotFoundError:
        found = f"no revision '{revision}'"
    except errors.GatedRepoError:
        found = "one that its owner opens to those who ask; ask, and set HF_TOKEN"
    except errors.RepositoryNotFoundError:
        found = "no such repository, or one that is not yours to read (HF_TOKEN)"
    except Exception as error:  # of one HTTP library or another, by the client's version
        if error_number(error):  # the disk's, not the hub's
            raise
        for name in OF_HUB:
            if isinstance(kept := try_to_load_from_cache(repository, name, revision=revision), str):
                return Path(kept)
        answer = getattr(error, "response", None)
        found = f"HTTP {answer.status_code}" if answer is not None else type(error).__name__
        found += ", and none in the cache"
    raise InputError(
        f"{given}: expected hf:owner/name[@revision] with {' or '.join(OF_HUB)}; found {found}"
    )
