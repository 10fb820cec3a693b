"""The errors that a user can mend, and how they are said in one line."""

import difflib
import errno
import os
import re
import sys
from collections.abc import Iterable

FULL = {
    errno.ENOSPC: "the disk full",
    errno.EDQUOT: "one's share of the disk used up",
    errno.EFBIG: "a limit on the size of a file (ulimit -f)",
}
PLACE = (
    errno.EACCES,
    errno.EEXIST,
    errno.EIO,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
)


class InputError(ValueError):
    """Something outside the program is wrong: a file, a parameter, the network.

    The message is one line: what it is about (file, row or key), what was expected, what was found,
    what to do. The command line prints it and exits with 1; any other exception is a defect of ours
    and keeps its traceback, but for those that `trouble` knows.
    """


def number(error: BaseException | None) -> int | None:
    """The system's number of an error, also of those that only print it (polars, safetensors)."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    printed = re.search(r"\(os error (\d+)\)", str(error))
    return int(printed[1]) if printed else None


def refused(found: int | None, path: object) -> str | None:
    """What to say where the system refuses to write `path` with an error of that number; None where
    that number is no refusal.
    """
    if found in FULL:
        return (
            f"{path}: expected room to write it, found {FULL[found]}; make room and run it again: "
            "what stood there before is untouched"
        )
    if found in PLACE:
        return (
            f"{path}: expected a place to read and write, found: {os.strerror(found).lower()}; "
            "mend that and run it again"
        )
    return None


def trouble(error: BaseException) -> str | None:
    """What to say where the machine refuses room, a place or memory; None for a defect of ours."""
    if isinstance(error, InputError):
        return str(error)
    torch = sys.modules.get("torch")  # none has raised its error where it was never imported
    if torch is not None and isinstance(error, torch.OutOfMemoryError):
        wanted = re.search(r"Tried to allocate ([\d.]+ \w+)", str(error))
        return (
            f"GPU: expected memory{f' for {wanted[1]} more' if wanted else ''}, found none left; "
            "lower train.batch_size or train.crop, set train.precision to bfloat16, or have fewer "
            "faces kept there by CLFER_DEVICE_MEMORY (GiB); finished epochs are kept"
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return "memory: expected enough for this step, found none left; end other programs first"
    place = getattr(error, "filename", None)
    return refused(number(error), place or "the disk")


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """'; did you mean 'raf_db'?' for RAF-DB, or else which names there are."""
    names = [*names]
    plain = {_plain(one): one for one in names}
    if close := difflib.get_close_matches(_plain(name), plain, n=1):
        return f"; did you mean '{plain[close[0]]}'?"
    return f"; expected one of: {', '.join(names)}" if names else ""


def _plain(name: str) -> str:
    """Without case and punctuation: FER+ is ferplus."""
    return re.sub(r"[^\w.]|_", "", name.casefold().replace("+", "plus"))
