"""Folders in which an interrupted stage leaves what it has done, so that it goes on from there."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from clfer.errors import InputError


def fingerprint(*parts: Any) -> str:
    """Short digest of everything that what is left there is only valid for."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def held(folder: Path, doing: str) -> Iterator[None]:
    """The folder, made if need be, for this process alone; cleared away when the block ends well.

    Raises InputError naming the process that holds it: "... is {doing}; wait for it or stop it".
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise InputError(
                f"another process ({lock.read().strip()}) is {doing}; wait for it or stop it"
            ) from error
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}")
        lock.flush()
        yield
    shutil.rmtree(folder)
