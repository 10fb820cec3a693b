"""Downloads over HTTP, by pooch."""

import os
from collections.abc import Iterator
from math import ceil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import pooch
from pydantic import Field
from requests import ConnectTimeout, HTTPError, RequestException, Response, Timeout
from requests.exceptions import ChunkedEncodingError
from urllib3.exceptions import ReadTimeoutError

from clfer import files
from clfer.errors import InputError
from clfer.progress import Track
from clfer.settings import Settings

CHUNK = 1 << 16  # bytes
LIMIT = 1 << 32  # bytes; no single table of faces or labels is larger
TIMEOUT = (4, 30)  # seconds for a connection, and between two bytes
BUSY = (408, 429)  # statuses that may pass, as do those from 500 on


class Address(Settings):
    """Where a file can be had over HTTP: nowhere for a null url. Its SHA-256 is not compared where
    that is null.
    """

    url: str | None
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None


class UnavailableError(InputError):
    """There is no file for us; `found` says why in a few words."""

    def __init__(self, target: Path, source: str, found: str, remedy: str) -> None:
        super().__init__(
            f"{target.name}: expected a download from {source}, found {found}; {remedy}"
        )
        self.found = found


class _FinalError(Exception):
    """Another attempt would not help."""


def download(
    url: str,
    target: Path,
    sha256: str | None,
    track: Track,
    remedy: str | None = None,
    limit: int = LIMIT,
) -> None:
    """The file at `url` as `target`, complete and with this SHA-256, or not at all.

    A failed attempt is repeated once, from the start. Proxies come from the environment.

    remedy: what an error advises; None: to fetch it by hand and put it at `target`
    limit:  the largest file in bytes
    Raises UnavailableError where there is no file for us, InputError for other bytes than expected
    and where they cannot be written.
    """
    remedy = remedy or f"fetch it by hand and put it at {target}"
    pooch.get_logger().setLevel("WARNING")
    with files.writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent, prefix=".download.") as scratch:
            fetcher = pooch.create(
                scratch, url, registry={"file": None}, urls={"file": url}, retry_if_failed=1
            )
            try:
                came = Path(fetcher.fetch("file", downloader=_Downloader(target, limit, track)))
            except (RequestException, _FinalError) as error:
                cause = error.__cause__ if isinstance(error, _FinalError) else error
                if cause is None:
                    raise InputError(f"{url}: {error}; {remedy}") from error
                raise UnavailableError(target, url, _reason(cause), remedy) from error
            if sha256 and (found := files.sha256(came)) != sha256:
                raise InputError(f"{url}: expected SHA-256 {sha256}, found {found}; {remedy}")
            came.chmod(0o644)  # pooch's files are for their owner only
            os.replace(came, target)


def file_name(url: str) -> str:
    """The file's name at the end of an address."""
    return PurePosixPath(unquote(urlsplit(url).path)).name


class _Downloader:
    """One attempt; `_FinalError` where a second one would not help."""

    def __init__(self, target: Path, limit: int, track: Track) -> None:
        self.target, self.limit, self.track = target, limit, track

    def __call__(self, url: str, file: str, fetcher: pooch.Pooch) -> None:
        get = pooch.HTTPDownloader(
            progressbar=_Bar(self.target.name, self.limit, self.track),
            chunk_size=CHUNK,
            timeout=TIMEOUT,
            headers={"Accept-Encoding": "identity"},
            hooks={"response": _as_stored},
        )
        try:
            get(url, file, fetcher)
        except RequestException as error:
            status = error.response.status_code if error.response is not None else None
            wrong = status is not None and status < 500 and status not in BUSY
            if wrong or isinstance(error, (ConnectTimeout, ValueError)):  # ValueError: the address
                raise _FinalError from error
            raise


class _Bar:
    """pooch's progress bar, shown by `track`; it ends a download that is larger than `limit`."""

    def __init__(self, name: str, limit: int, track: Track) -> None:
        self.name, self.limit, self.track = name, limit, track
        self.total = self.received = 0  # bytes; pooch sets the total, 0 where it is unknown
        self.steps: Iterator[Any] | None = None

    def update(self, size: int) -> None:
        self.received += size
        if self.total > self.limit or self.received > self.limit + CHUNK:
            found = f"{self.total:,}" if self.total else "more"
            raise _FinalError(f"expected at most {self.limit:,} bytes, found {found}")
        if self.steps is None:
            self.steps = iter(self.track(range(ceil(self.total / CHUNK)), self.name))
        next(self.steps, None)

    def reset(self) -> None:
        self.received = 0

    def close(self) -> None:
        for _ in self.steps or ():
            pass


def _as_stored(response: Response, **_: Any) -> None:
    """Keep a .gz compressed where the server calls that an encoding."""
    response.raw.headers.discard("Content-Encoding")


def _reason(error: BaseException) -> str:
    if isinstance(error, HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code}"
    stalled = error.args and isinstance(error.args[0], ReadTimeoutError)
    if stalled or (isinstance(error, Timeout) and not isinstance(error, ConnectTimeout)):
        return f"no byte for {TIMEOUT[1]:g} s"
    if isinstance(error, ChunkedEncodingError):
        return "a connection that broke off"
    return f"no connection ({type(error).__name__})"
