"""A file of a Kaggle competition or dataset, fetched with Kaggle's own client, kagglehub.

The client keeps what it fetches in its own folder (KAGGLEHUB_CACHE, else ~/.cache/kagglehub), and
continues a partial file there.
"""

import importlib.util
import io
import logging
import os
import shutil
import sys
import time
import zipfile
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import requests

from clfer import files
from clfer.archives import whole
from clfer.errors import InputError
from clfer.files import replacing
from clfer.sources.http import UnavailableError
from clfer.sources.patience import PATIENCE, Patience

TOKENS = ("access_token", "access_token.txt")


class OnKaggle(NamedTuple):
    """A file there. `handle`: COMPETITION or OWNER/DATASET."""

    handle: str
    file: str


def hindrance() -> str | None:
    """Why Kaggle cannot be asked, None where it can."""
    if not _credentials():
        return (
            "no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME with KAGGLE_KEY, or in "
            f"{_folder() / 'kaggle.json'}"
        )
    if importlib.util.find_spec("kagglehub") is None:
        return "its client is not installed (pip install kagglehub)"
    return None


def fetch(
    wanted: OnKaggle, target: Path, sha256: str | None, patience: Patience | None = None
) -> None:
    """The file as `target`, whole and with this SHA-256, or not at all; out of the zip in which
    Kaggle may serve it.

    UnavailableError says what the client says, InputError that other bytes came. `patience`: None
    for PATIENCE; only its attempts and pauses count, since the client has no other limits.
    """
    came = _persist(wanted, target, patience or PATIENCE)
    with replacing(target) as temporary:
        _copy(came, wanted.file, temporary)
        if sha256 and (found := files.sha256(temporary)) != sha256:
            raise InputError(
                f"{came}: expected SHA-256 {sha256}, found {found}; remove it to fetch it again"
            )


def _persist(wanted: OnKaggle, target: Path, patience: Patience) -> Path:
    failures = 0
    while True:
        try:
            return _ask(wanted)
        # the client is another's: which errors it raises is not for us to list
        except Exception as error:
            failures += 1
            if failures == patience.attempts or not _passes(error):
                found = " ".join(str(error).split()) or type(error).__name__
                remedy = f"fetch it by hand and put it at {target}"
                whence = f"Kaggle ({wanted.handle})"
                raise UnavailableError(target, whence, found, remedy) from error
        time.sleep(patience.after(failures, 0.0))


def _ask(wanted: OnKaggle) -> Path:
    """Where the client has put the file. It writes to a terminal only, and there only its bar."""
    bar = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())
    with bar, redirect_stdout(io.StringIO()):
        import kagglehub

        logging.getLogger("kagglehub").setLevel(logging.ERROR)
        whence = kagglehub.dataset_download
        if "/" not in wanted.handle:
            whence = kagglehub.competition_download
        return Path(whence(wanted.handle, wanted.file))


def _passes(error: Exception) -> bool:
    """Whether it may go better next time: the network, or a server that is busy."""
    if not isinstance(error, requests.RequestException):
        return False
    status = error.response.status_code if error.response is not None else None
    return status is None or status == 429 or status >= 500


def _copy(came: Path, name: str, target: Path) -> None:
    """The file, or the one of that name in the zip that came in its stead."""
    if zipfile.is_zipfile(came):
        with whole(came), zipfile.ZipFile(came) as archive:
            if name in archive.namelist():
                with archive.open(name) as content, target.open("wb") as file:
                    shutil.copyfileobj(content, file)
                return
    shutil.copyfile(came, target)


def _credentials() -> bool:
    if os.environ.get("KAGGLE_API_TOKEN"):
        return True
    if os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY"):
        return True
    tokens = (Path.home() / ".kaggle" / name for name in TOKENS)
    return any(path.is_file() for path in (_folder() / "kaggle.json", *tokens))


def _folder() -> Path:
    given = os.environ.get("KAGGLE_CONFIG_DIR")
    return Path(given) if given else Path.home() / ".kaggle"
