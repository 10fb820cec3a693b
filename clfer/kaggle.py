"""A file of a Kaggle competition, fetched with Kaggle's own client, kagglehub (the extra `kaggle`).

The client keeps what it fetches in its own folder (KAGGLEHUB_CACHE, else ~/.cache/kagglehub).
"""

import importlib.util
import io
import logging
import os
import shutil
import sys
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path

from clfer import files
from clfer.download import UnavailableError
from clfer.errors import InputError

TOKENS = ("access_token", "access_token.txt")


def fetch(competition: str, file: str, target: Path, sha256: str | None) -> None:
    """The file as `target`, with this SHA-256, or not at all. Kaggle may serve it in a zip.

    UnavailableError: there are no credentials, no client, or the client fails.
    """
    source, remedy = f"Kaggle ({competition})", f"fetch it by hand and put it at {target}"
    if missing := _missing():
        raise UnavailableError(target, source, missing, remedy)
    try:
        came = _ask(competition, file)
    # which errors the client raises is not for us to list
    except Exception as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise UnavailableError(target, source, found, remedy) from error
    if sha256 and (found := files.sha256(came)) != sha256:
        raise InputError(
            f"{came}: expected SHA-256 {sha256}, found {found}; remove it to fetch it again"
        )
    with files.replacing(target) as temporary:
        shutil.copyfile(came, temporary)


def _ask(competition: str, file: str) -> Path:
    """Where the client has put the file. It prints its progress bar, in a terminal only."""
    bar = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())
    with bar, redirect_stdout(io.StringIO()):
        import kagglehub

        logging.getLogger("kagglehub").setLevel(logging.ERROR)
        return Path(kagglehub.competition_download(competition, file))


def _missing() -> str | None:
    """Why Kaggle cannot be asked, None where it can."""
    given = os.environ.get("KAGGLE_CONFIG_DIR")
    home = Path.home() / ".kaggle"
    key = (Path(given) if given else home) / "kaggle.json"
    named = os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")
    kept = any(path.is_file() for path in (key, *(home / name for name in TOKENS)))
    if not (os.environ.get("KAGGLE_API_TOKEN") or named or kept):
        return (
            f"no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME with KAGGLE_KEY, or in {key}"
        )
    if importlib.util.find_spec("kagglehub") is None:
        return "its client is not installed (pip install kagglehub)"
    return None
