"""Where an interrupted run left its state, so that it goes on from there."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch

from clfer.errors import InputError
from clfer.files import replacing

FORMAT = 2  # to be raised with every change of what a state holds or means


@runtime_checkable
class Resumable(Protocol):
    def saved(self) -> dict[str, Any]: ...
    def restore(self, saved: Mapping[str, Any]) -> None: ...


def fingerprint(*parts: Any) -> str:
    """Short digest of everything that a state is only valid for."""
    text = json.dumps([FORMAT, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Checkpoint:
    """The state of one run in its own folder; made by `claim`, which keeps other processes out."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "state.pt"

    def save(self, state: Resumable) -> None:
        """Replace what was saved before; whoever reads sees one or the other, whole."""
        with replacing(self.path) as temporary:
            torch.save(state.saved(), temporary)

    def resume(self, state: Resumable) -> None:
        """Bring the state to where it was saved, if it was."""
        if not self.path.exists():
            return
        try:
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # broken bytes make the unpickler trip over anything
            raise InputError(
                f"{self.path} is no readable state of a run; delete it to start the run again"
            ) from error
        state.restore(saved)


@contextmanager
def claim(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoint of a folder, held by this process alone and cleared away when the run has
    ended well.

    Raises InputError naming the process that holds it. An interrupted run leaves its state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise InputError(
                f"another process ({lock.read().strip()}) is training this very run; wait for it "
                "or stop it"
            ) from error
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}")
        lock.flush()
        yield Checkpoint(folder)
    shutil.rmtree(folder)
