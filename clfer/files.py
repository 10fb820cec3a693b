"""Files that appear whole or not at all, and folders for one process alone."""

import glob
import hashlib
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clfer.errors import FULL, BusyError, InputError, error_number, write_refusal

PROBE = 1 << 20  # bytes
LONGEST = 200  # bytes of a name that a temporary one keeps; systems take 255
UNUSED = 30 * 24 * 3600  # seconds after which what an interrupted process has left goes


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, renamed to `path` when the block ends well.
    It is absolute: some libraries take a relative name for an address.

    Whatever happens inside, a reader of `path` sees the old file, the new file or none; what a
    killed process left half-written goes. Links are followed. Raises InputError where there is no
    room or no place for the file, however the writer says so, and where something else is there.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        place = _followed(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(place)
    temporary = place.with_name(f".{_kept(place)}.{os.getpid()}{place.suffix}")
    try:
        with writing(path):
            temporary.touch()
            mode = temporary.stat().st_mode
        yield temporary
        if temporary.stat().st_mode != mode:  # of a writer that replaces for itself
            temporary.chmod(mode)
        os.replace(temporary, place)
    except InputError as error:
        if str(temporary) not in str(error):
            raise
        # a writer that replaces for itself knows the temporary name only
        raise InputError(str(error).replace(str(temporary), str(path))) from error
    except Exception as error:
        number, named = error_number(error), getattr(error, "filename", None)
        if number is None:  # torch and numpy don't say why they failed: can the file still grow?
            try:
                with temporary.open("ab") as file:
                    file.write(bytes(PROBE))
            except OSError as refusal:
                number = error_number(refusal)
        elsewhere = number not in FULL and named not in (None, *map(str, (path, place, temporary)))
        if message := write_refusal(number, named if elsewhere else path):
            raise InputError(message) from error
        raise
    finally:
        with suppress(OSError):  # the reason has been reported
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """A file with this content, whole or not at all; raises like `replacing`."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """The same of text, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any, indent: int = 2) -> None:
    """The same of JSON, indented, with a newline at the end."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises InputError where the system refuses to write `path` in the block."""
    try:
        yield
    except OSError as error:
        place = Path(error.filename or path)
        place = place if place in path.parents else path
        if message := write_refusal(error_number(error), place):
            raise InputError(message) from error
        raise


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """Short digest of everything that an interrupted stage's folder is only valid for."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@contextmanager
def locked_folder(folder: Path, doing: str) -> Iterator[None]:
    """The folder, made if need be, for this process alone; removed when the block ends well.

    What an interrupted process has left there stays, for the next one to go on from; folders beside
    it that none has used for UNUSED seconds go. Raises BusyError, naming the process that holds it:
    "... is {doing}; wait for it or stop it".
    """
    from filelock import FileLock, Timeout

    lock_file, holder = folder / "lock", folder / "holder"
    lock = FileLock(lock_file)
    with writing(lock_file):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            with suppress(OSError):
                doing = f"({holder.read_text(encoding='utf-8')}) is {doing}"
            raise BusyError(f"another process {doing}; wait for it or stop it") from error
    try:
        with writing(lock_file):
            holder.write_text(f"pid {os.getpid()}", encoding="utf-8")
        _remove_unused(folder.parent)
        yield
        # before the lock is released, or the next process loses its own
        shutil.rmtree(folder, ignore_errors=os.name == "nt")
    finally:
        lock.release()
    if os.name == "nt":  # which keeps a lock's file until then
        shutil.rmtree(folder, ignore_errors=True)


def _followed(path: Path) -> Path:
    """Where a file of this name is written: what a link leads to, unless that is read-only, as are
    files of DVC's cache. InputError where something else than a file is there.
    """
    place = Path(os.path.realpath(path))
    if not place.exists():
        return place
    if not place.is_file():
        raise InputError(
            f"{path}: expected a name for a file, found a folder, a pipe or a device there; "
            "name another"
        )
    read_only = not place.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    return path.absolute() if read_only and path.is_symlink() else place


def _kept(path: Path) -> str:
    """As much of a name as its temporary ones have: short, and UTF-8, which some libraries ask."""
    return os.fsencode(path.stem)[:LONGEST].decode(errors="ignore")


def _remove_unused(parent: Path) -> None:
    """Delete the folders of `locked_folder` that none holds, and none has written to of late."""
    from filelock import FileLock, Timeout

    for lock_file in parent.glob("*/lock"):
        folder = lock_file.parent
        with suppress(OSError, Timeout):
            if time.time() - max(one.stat().st_mtime for one in folder.iterdir()) > UNUSED:
                with FileLock(lock_file, timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)


def _remove_leftovers(path: Path) -> None:
    """Delete temporary files of this file whose processes are no more."""
    pattern = re.compile(rf"\.+{re.escape(_kept(path))}((?:\.\d+)+){re.escape(path.suffix)}")
    for file in path.parent.glob(f".*{glob.escape(path.suffix)}"):
        if match := pattern.fullmatch(file.name):
            import psutil

            if not any(psutil.pid_exists(int(pid)) for pid in match[1].split(".")[1:]):
                file.unlink(missing_ok=True)
