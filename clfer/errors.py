"""The errors that a user can fix, each told in one line, and how an interrupted command ends."""

import difflib
import errno
import os
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 128  # and the signal's number, as shells have it
SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
FULL = {
    errno.ENOSPC: "the disk full",
    errno.EDQUOT: "one's share of the disk used up",
    errno.EFBIG: "a limit on the size of a file (ulimit -f)",
}
PLACE = (
    *(errno.EACCES, errno.EEXIST, errno.EIO, errno.EISDIR, errno.ELOOP),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.EPERM, errno.EROFS),
)

EXTRAS = {  # packages that a core installation lacks, by the extra of pyproject.toml that has them
    "train": "filelock jinja2 markupsafe matplotlib polars safetensors scipy sklearn torch "
    "torchvision",
    "pipeline": "dvc",
    "insightface": "insightface",
    "export": "onnx onnxscript",
    "demo": "fastapi nicegui",
    "slurm": "submitit",
    "hub": "huggingface_hub",
    "video": "av",
}


class InputError(ValueError):
    """Something outside the program is wrong: a file, a parameter, the network.

    The message is one line: what it is about (file, row or key), what was expected, what was found,
    what to do. The command line prints it and exits with 1; any other exception is a defect of ours
    and keeps its traceback, but for those that `user_message` knows.
    """


class BusyError(InputError):
    """Another process holds what this one wants."""


def error_number(error: BaseException | None) -> int | None:
    """The system's number of an error, also of those that only print it (polars, safetensors)."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    printed = re.search(r"\(os error (\d+)\)", str(error))
    return int(printed[1]) if printed else None


def write_refusal(number: int | None, path: object) -> str | None:
    """The message where the system refuses to write `path` with an error of that number; None
    where that number is no refusal.
    """
    if number in FULL:
        return (
            f"{path}: expected room to write it, found {FULL[number]}; make room and run it again: "
            "what stood there before is untouched"
        )
    if number in PLACE:
        return (
            f"{path}: expected a place to read and write, found: {os.strerror(number).lower()}; "
            "fix that and run it again"
        )
    return None


def user_message(error: BaseException) -> str | None:
    """The message for an InputError, and where an extra is missing or the machine refuses room, a
    place or memory; None for a defect of ours.
    """
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing_extra((error.name or "").partition(".")[0])
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
    return write_refusal(error_number(error), getattr(error, "filename", None) or "the disk")


def _missing_extra(package: str) -> str | None:
    """What to install for a package that cannot be imported; None for one of no extra."""
    for extra, packages in EXTRAS.items():
        if package in packages.split():
            return f"{package} is missing, which this command needs: pip install 'clfer[{extra}]'"
    return None


def in_one_line(error: BaseException, letters: int = 200) -> str:
    """The start of what another library's error says, or its type where it says nothing."""
    return " ".join(str(error).split())[:letters] or type(error).__name__


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


@contextmanager
def orderly_exit() -> Iterator[None]:
    """Within the block INT, TERM and HUP end the process by an exception, so that temporary files
    are removed; further signals are ignored meanwhile.

    A signal that is ignored stays ignored: `nohup` and a shell's `&` ask for that. Where the
    exception is lost, as in a callback of other code, the process ends with its status all the
    same, at the end of the block.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        received.append(number)
        sys.exit(STATUS + number)

    heard = [one for one in SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, end) for one in heard}
    try:
        yield
        if received:
            sys.exit(STATUS + received[0])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
