"""One file over HTTP: tried with patience, continued where it broke off, and verified."""

import time
from pathlib import Path
from urllib.parse import urlsplit

from clfer import files
from clfer.errors import InputError
from clfer.progress import Track
from clfer.sources import partial
from clfer.sources.attempt import CHUNK, AttemptError, Job, amount, attempt
from clfer.sources.patience import PATIENCE, Patience

LIMIT = 1 << 32  # bytes; no single table of faces or labels is larger


class UnavailableError(InputError):
    """A source has nothing for us; `found` says why in a few words."""

    def __init__(self, target: Path, whence: str, found: str, remedy: str) -> None:
        super().__init__(
            f"{target.name}: expected a download from {whence}, found {found}; {remedy}"
        )
        self.found = found


def download(
    url: str,
    target: Path,
    sha256: str | None,
    track: Track,
    remedy: str | None = None,
    limit: int | None = None,
    patience: Patience | None = None,
) -> None:
    """The file at `url` as `target`, whole and with this SHA-256, or not at all.

    What a killed process or the last attempt leaves is TARGET.part, which the next call continues
    if the server vouches that it is still the same file. Proxies are taken from the environment.

    remedy:   what a message says that people can do; None: fetch it by hand
    limit:    the largest file in bytes; None: LIMIT
    patience: None: PATIENCE
    Raises UnavailableError where there is no file for us, InputError for wrong or too many bytes
    and where they cannot be written.
    """
    by_hand = remedy or f"fetch it by hand and put it at {target}"
    job = Job(url, target, by_hand, limit or LIMIT, patience or PATIENCE, track)
    if urlsplit(url).scheme not in ("http", "https"):
        found = "an address with neither http:// nor https://"
        raise UnavailableError(target, url, found, by_hand)
    try:
        _arrive(job, sha256)
    except OSError as error:
        raise InputError(
            f"{target}: expected to write it, found: {error.strerror or type(error).__name__}; "
            "make it a place that you may write to"
        ) from error


def _arrive(job: Job, sha256: str | None) -> None:
    """The file at `job.target`, as `download` says; OSError where it cannot be written."""
    url, target, by_hand = job.url, job.target, job.remedy
    continued = _persist(job)
    wrong = _wrong(job, sha256)
    if wrong and continued:
        # the bytes of an earlier attempt may be to blame, after a loss of power for one
        partial.discard(target)
        _persist(job)
        wrong = _wrong(job, sha256)
    if wrong:
        partial.discard(target)
        raise InputError(f"{url}: expected SHA-256 {sha256}, found {wrong}; {by_hand}")
    partial.finish(target)


def _persist(job: Job) -> bool:
    """As `attempt`, as often as `job.patience` allows."""
    failures, furthest = 0, partial.size(job.target)
    while True:
        try:
            return attempt(job)
        except AttemptError as failure:
            there = partial.size(job.target)
            failures = 1 if there >= furthest + CHUNK else failures + 1
            furthest = max(furthest, there)
            if not failure.again or failures == job.patience.attempts:
                raise _unavailable(job, failure, failures) from failure
            pause = job.patience.after(failures, failure.asked)
        time.sleep(pause)


def _unavailable(job: Job, failure: AttemptError, failures: int) -> UnavailableError:
    found = str(failure)
    if failure.again:
        found += f", and nothing better in {failures} attempts"
    if partial.kept(job.target, job.url):
        kept = amount(partial.size(job.target))
        found += f" ({kept} are kept, and the next run continues behind them)"
    return UnavailableError(job.target, job.url, found, job.remedy)


def _wrong(job: Job, sha256: str | None) -> str | None:
    """The SHA-256 of what came, where another one was expected."""
    found = files.sha256(partial.part(job.target)) if sha256 else None
    return found if found != sha256 else None
