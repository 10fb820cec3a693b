"""Files that appear whole or not at all."""

import glob
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from clfer.errors import FULL, InputError, number, refused

PROBE = 1 << 20  # bytes


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, with its suffix, renamed to `path` when the block ends well.

    Whatever happens inside, a reader of `path` sees the old file, the new file or none; what a
    killed process left half-written goes. Raises InputError where there is no room or no place for
    the file, however the writer says so.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear(path)
    try:
        with writing(path):
            temporary.touch()
        yield temporary
        os.replace(temporary, path)
    except InputError as error:
        if str(temporary) not in str(error):
            raise
        # a writer that replaces for itself knows the temporary name only
        raise InputError(str(error).replace(str(temporary), str(path))) from error
    except Exception as error:
        if said := _explained(error, path, temporary):
            raise InputError(said) from error
        raise
    finally:
        with suppress(OSError):  # of a place that is refused has been told
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """A file of UTF-8 text, whole or not at all; raises like `replacing`."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, indent: int = 2) -> None:
    """The same of JSON, indented, with a newline at the end."""
    write_text(path, json.dumps(value, indent=indent) + "\n")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises InputError where the system refuses to write `path` in the block."""
    try:
        yield
    except OSError as error:
        about = Path(error.filename or path)
        if said := refused(number(error), about if about in path.parents else path):
            raise InputError(said) from error
        raise


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _clear(path: Path) -> None:
    """Delete what processes that are no more have left of this file."""
    mine = re.compile(rf"\.+{re.escape(path.stem)}((?:\.\d+)+){re.escape(path.suffix)}")
    for left in path.parent.glob(f".*{glob.escape(path.suffix)}"):
        found = mine.fullmatch(left.name)
        if found and not any(_alive(int(pid)) for pid in found[1].split(".")[1:]):
            left.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _explained(error: Exception, path: Path, temporary: Path) -> str | None:
    """What to say where the system refused to write the file."""
    found, about = number(error), getattr(error, "filename", None)
    if found is None:
        found = _room(temporary)  # torch and numpy don't say why they failed
    elsewhere = found not in FULL and about not in (None, str(path), str(temporary))
    return refused(found, about if elsewhere else path)


def _room(temporary: Path) -> int | None:
    """The number of the error with which the file cannot grow any more, if it cannot."""
    try:
        with temporary.open("ab") as file:
            file.write(bytes(PROBE))
    except OSError as error:
        return number(error)
    return None
