"""Downloads over HTTP, and from Kaggle by its own client, kagglehub (the extra `kaggle`)."""

import importlib.util
import io
import logging
import os
import shutil
import socket
import sys
import time
from contextlib import nullcontext, redirect_stderr, redirect_stdout, suppress
from math import ceil
from pathlib import Path, PurePosixPath
from threading import Thread
from typing import Annotated
from urllib.parse import unquote, urlsplit

import requests
from pydantic import Field
from requests.exceptions import ChunkedEncodingError, ConnectTimeout
from urllib3.exceptions import NewConnectionError, ReadTimeoutError

from clfer.errors import InputError, in_one_line
from clfer.files import replacing, sha256
from clfer.progress import Track
from clfer.settings import Settings

CHUNK = 1 << 16  # bytes
LIMIT = 1 << 32  # bytes; no single table of faces or labels is larger
TIMEOUT = (3, 30)  # seconds for a connection, and between two bytes
BUSY = (408, 429)  # statuses that may pass, as do those from 500 on


class Address(Settings):
    """Where a file can be had over HTTP: nowhere for a null url. Its SHA-256 is not compared where
    that is null.
    """

    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None


class UnavailableError(InputError):
    """There is no file for us; `reason` says why in a few words."""

    def __init__(self, target: Path, source: str, reason: str, remedy: str) -> None:
        super().__init__(
            f"{target.name}: expected a download from {source}, found {reason}; {remedy}"
        )
        self.reason = reason


def file_name(url: str) -> str:
    """The file's name at the end of an address."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


def download(
    url: str,
    target: Path,
    expected: str | None,
    track: Track,
    remedy: str | None = None,
    limit: int = LIMIT,
) -> None:
    """The file at `url` as `target`, complete and with the expected SHA-256, or not at all.

    A failed attempt is repeated once, from the start, unless no connection can be had. Proxies come
    from the environment.

    remedy: what an error advises; None: to fetch it by hand and put it at `target`
    limit:  the largest file in bytes
    Raises UnavailableError where there is no file for us, InputError for other bytes than expected
    and where they cannot be written.
    """
    remedy = remedy or f"fetch it by hand and put it at {target}"
    with replacing(target) as temporary:
        try:
            try:
                size = _fetch(url, temporary, target.name, track, limit)
            except requests.RequestException as error:
                if not _may_pass(error):
                    raise
                time.sleep(1)
                size = _fetch(url, temporary, target.name, track, limit)
        except requests.RequestException as error:
            raise UnavailableError(target, url, _reason(error), remedy) from error
        if size > limit:
            raise InputError(
                f"{url}: expected at most {limit:,} bytes, found {size:,} or more; {remedy}"
            )
        if expected and (digest := sha256(temporary)) != expected:
            raise InputError(f"{url}: expected SHA-256 {expected}, found {digest}; {remedy}")


def _fetch(url: str, path: Path, name: str, track: Track, limit: int) -> int:
    """Write the answer to `path`; its bytes, of which no more are read where they pass the limit.
    A .gz stays compressed where the server calls that an encoding.
    """
    _resolve(url)
    with (
        requests.get(
            url, stream=True, timeout=TIMEOUT, headers={"Accept-Encoding": "identity"}
        ) as answer,
        path.open("wb") as file,
    ):
        answer.raise_for_status()
        answer.raw.headers.discard("Content-Encoding")
        total, received = int(answer.headers.get("Content-Length", 0)), 0
        if total > limit:
            return total
        steps = iter(track(range(ceil(total / CHUNK)), name))
        for chunk in answer.iter_content(CHUNK):
            received += file.write(chunk)
            if received > limit:
                return received
            next(steps, None)
        for _ in steps:  # to the end of the progress bar
            pass
        return received


def _resolve(url: str) -> None:
    """ConnectionError where the name of the host is not resolved within the seconds for a
    connection: a system without a network may take five times as long to say so.
    """
    host = urlsplit(url).hostname
    if not host or requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url)):
        return
    thread = Thread(target=_addresses, args=(host,), daemon=True)
    thread.start()
    thread.join(TIMEOUT[0])
    if thread.is_alive():
        raise ConnectTimeout(f"{host} is not resolved")


def _addresses(host: str) -> None:
    with suppress(OSError, UnicodeError):  # requests meets it again
        socket.getaddrinfo(host, None)


def _may_pass(error: requests.RequestException) -> bool:
    """Whether a second attempt may help: not against a refusal, a wrong address or no network."""
    if error.response is not None:
        return error.response.status_code >= 500 or error.response.status_code in BUSY
    cause = getattr(error.args[0] if error.args else None, "reason", None)
    unconnected = isinstance(error, ConnectTimeout) or isinstance(cause, NewConnectionError)
    return not (unconnected or isinstance(error, ValueError))  # ValueError: the address


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    stalled = error.args and isinstance(error.args[0], ReadTimeoutError)
    if stalled or isinstance(error, requests.ReadTimeout):
        return f"no byte for {TIMEOUT[1]:g} s"
    if isinstance(error, ChunkedEncodingError):
        return "a connection that broke off"
    return f"no connection ({type(error).__name__})"


def from_kaggle(competition: str, file: str, target: Path, expected: str | None) -> None:
    """A file of a Kaggle competition as `target`, with the expected SHA-256, or not at all. Kaggle
    may serve it in a zip. The client keeps it in its own folder (KAGGLEHUB_CACHE) too.

    UnavailableError: there are no credentials, no client, or the client fails.
    """
    source, remedy = f"Kaggle ({competition})", f"fetch it by hand and put it at {target}"
    if reason := _no_kaggle():
        raise UnavailableError(target, source, reason, remedy)
    # its progress bar is for a terminal only
    bar = nullcontext() if sys.stderr.isatty() else redirect_stderr(io.StringIO())
    try:
        with bar, redirect_stdout(io.StringIO()):
            import kagglehub

            logging.getLogger("kagglehub").setLevel(logging.ERROR)
            cached = Path(kagglehub.competition_download(competition, file))
    except Exception as error:  # the client documents no errors
        raise UnavailableError(target, source, in_one_line(error), remedy) from error
    if expected and (digest := sha256(cached)) != expected:
        raise InputError(
            f"{cached}: expected SHA-256 {expected}, found {digest}; remove it to fetch it again"
        )
    with replacing(target) as temporary:
        shutil.copyfile(cached, temporary)


def _no_kaggle() -> str | None:
    """Why Kaggle cannot be asked, None where it can."""
    home = Path.home() / ".kaggle"
    key = Path(os.environ.get("KAGGLE_CONFIG_DIR") or home) / "kaggle.json"
    named = os.environ.get("KAGGLE_USERNAME") and os.environ.get("KAGGLE_KEY")
    kept = (key, home / "access_token", home / "access_token.txt")
    if not (os.environ.get("KAGGLE_API_TOKEN") or named or any(path.is_file() for path in kept)):
        return (
            f"no credentials in KAGGLE_API_TOKEN, in KAGGLE_USERNAME with KAGGLE_KEY, or in {key}"
        )
    if importlib.util.find_spec("kagglehub") is None:
        return "its client is not installed (pip install kagglehub)"
    return None
