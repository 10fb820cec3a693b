"""Folders in which an interrupted stage leaves what it has done, so that it goes on from there."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from clfer.errors import InputError
from clfer.files import writing


def fingerprint(*parts: Any) -> str:
    """Short digest of everything that what is left there is only valid for."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def held(folder: Path, doing: str) -> Iterator[None]:
    """The folder, made if need be, for this process alone; cleared away when the block ends well.

    Raises InputError naming the process that holds it: "... is {doing}; wait for it or stop it".
    """
    with _locked(folder, doing) as lock:
        with writing(folder / "lock"):
            lock.truncate(0)
            lock.write(f"pid {os.getpid()}".encode())
        yield
        shutil.rmtree(folder)


@contextmanager
def _locked(folder: Path, doing: str) -> Iterator[FileIO]:
    """The lock file of the folder. One that its holder has deleted meanwhile keeps nobody out."""
    path = folder / "lock"
    while True:
        with writing(path):
            folder.mkdir(parents=True, exist_ok=True)
            path.touch()
        with path.open("a+b", buffering=0) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                lock.seek(0)
                raise InputError(
                    f"another process ({lock.read().decode()}) is {doing}; wait for it or stop it"
                ) from error
            if _is_still_there(path, lock):
                yield lock
                return


def _is_still_there(path: Path, lock: FileIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False
