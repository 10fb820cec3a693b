"""One request for a file, or for the rest of it, whose answer goes to the partial file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import requests
from requests import Response
from urllib3.exceptions import HTTPError, ReadTimeoutError

from clfer.errors import InputError
from clfer.progress import Track
from clfer.sources import partial
from clfer.sources.patience import Patience, asked

CHUNK = 1 << 16  # bytes; what is lost at most when the process is killed
BUSY = (408, 429)  # statuses that pass, as do all from 500 on


@dataclass(frozen=True)
class Job:
    """A file to fetch. `limit`: its largest size in bytes; `remedy`: what else people can do."""

    url: str
    target: Path
    remedy: str
    limit: int
    patience: Patience
    track: Track


class AttemptError(Exception):
    """An attempt came to nothing. `again`: the next one may do better, `asked` seconds later."""

    def __init__(self, found: str, again: bool, asked: float = 0.0) -> None:
        super().__init__(found)
        self.again, self.asked = again, asked


def attempt(job: Job) -> bool:
    """After it the partial file is complete; whether some of its bytes were there before.

    AttemptError where it is not complete, InputError where the file is larger than `job.limit`.
    """
    kept, there = partial.kept(job.target, job.url), partial.size(job.target)
    if kept and kept.size == there:
        return True  # the process was killed after the last byte
    headers = {"Accept-Encoding": "identity"}
    if kept and kept.validator:
        headers |= {"Range": f"bytes={there}-", "If-Range": kept.validator}
    times = (job.patience.connect, job.patience.stall)
    try:
        with requests.get(job.url, headers=headers, stream=True, timeout=times) as response:
            size = _opened(job, response, kept)
            _append(job, response, size)
    except (requests.RequestException, HTTPError) as error:
        passing = (requests.ConnectionError, requests.Timeout, HTTPError)
        raise AttemptError(_reason(error, job.patience), isinstance(error, passing)) from error
    if size is not None and (found := partial.size(job.target)) != size:
        raise AttemptError(f"only {amount(found)} of {amount(size)}", again=True)
    return response.status_code == 206


def amount(size: int) -> str:
    """A number of bytes for people."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"


def _opened(job: Job, response: Response, kept: partial.About | None) -> int | None:
    """The size of the whole file, None where the server does not tell. The body belongs to the end
    of the partial file, which is empty unless the answer continues it.
    """
    status, headers = response.status_code, response.headers
    if status == 200:
        length = headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else None
        about = partial.About(url=job.url, validator=partial.validator(headers), size=size)
        partial.begin(job.target, about)
        return size
    if status == 206 and kept:
        return _continued(job, response, kept)
    if status == 416 and kept:
        partial.discard(job.target)
        raise AttemptError("a file that is shorter than before", again=True)
    raise AttemptError(f"HTTP {status}", status in BUSY or status >= 500, asked(headers))


def _continued(job: Job, response: Response, kept: partial.About) -> int | None:
    """As `_opened`, of the rest of a file: the partial file goes where it is another's."""
    headers = response.headers
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    size = int(span[2]) if span and span[2] != "*" else kept.size
    follows = span and int(span[1]) == partial.size(job.target) and kept.size in (None, size)
    # a server need not repeat the date, but the tag it must (RFC 9110, 15.3.7)
    tagged = (kept.validator or "").startswith('"')
    validator = headers.get("ETag") if tagged else headers.get("Last-Modified", kept.validator)
    if not follows or validator != kept.validator:
        partial.discard(job.target)
        raise AttemptError("the rest of another file than before", again=True)
    return size


def _append(job: Job, response: Response, size: int | None) -> None:
    """The body as it lies on the server: a .gz stays one."""
    if size is not None and size > job.limit:
        raise _endless(job, amount(size))
    there = partial.size(job.target)
    pieces = response.raw.stream(CHUNK, decode_content=False)
    with partial.part(job.target).open("ab") as file:
        for piece in _shown(job, pieces, there, size):
            there += len(piece)
            if there > job.limit:
                raise _endless(job, "more")
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                raise InputError(
                    f"{file.name}: expected room for {amount(size or there)}, found "
                    f"{error.strerror}; make room and run it again"
                ) from error


def _shown(job: Job, pieces: Iterator[bytes], there: int, size: int | None) -> Iterator[bytes]:
    """The pieces, reported in chunks of the whole file where its size is known."""
    if size is None:
        for _ in job.track(range(1), f"{job.target.name}, size unknown"):
            yield from pieces
        return
    for number in job.track(range(ceil(size / CHUNK)), f"{job.target.name}, {amount(size)}"):
        if number >= there // CHUNK:
            yield next(pieces, b"")
    yield from pieces


def _endless(job: Job, found: str) -> InputError:
    partial.discard(job.target)
    return InputError(
        f"{job.url}: expected at most {amount(job.limit)}, found {found}; {job.remedy}"
    )


def _reason(error: Exception, patience: Patience) -> str:
    if isinstance(error, (requests.ReadTimeout, ReadTimeoutError)):
        return f"no byte for {patience.stall:g} s"
    if isinstance(error, HTTPError):
        return "a connection that broke off"
    return f"no connection ({type(error).__name__})"
